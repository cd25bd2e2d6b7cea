import type { IntFormat } from "../tensor-source.ts";

/** A matrix of the model, and how it is held; undefined for real numbers. */
export interface HeldMatrix {
  /** Its name without `.weight`. */
  module: string;
  columns: number;
  format: IntFormat | undefined;
}

/**
 * The `quantization_config` of config.json in the terms of compressed-tensors: a group for each format, whose targets are modules by name;
 * the commonest is that of every other linear layer. `ignore` are the layers of real numbers.
 */
export function quantizationConfig(matrices: readonly HeldMatrix[]): Record<string, unknown> {
  const groups = new Map<string, { weights: object; format: string; targets: string[] }>();
  for (const { module, columns, format } of matrices) {
    if (format === undefined) continue;
    const isChannel = format.block === columns;
    const key = `${format.bits} ${isChannel ? "channel" : format.block}`;
    const group = groups.get(key) ?? {
      weights: {
        num_bits: format.bits,
        type: "int",
        symmetric: true,
        strategy: isChannel ? "channel" : "group",
        group_size: isChannel ? null : format.block,
        dynamic: false,
      },
      format: isChannel && format.bits === 8 ? "int-quantized" : "pack-quantized",
      targets: [],
    };
    group.targets.push(module);
    groups.set(key, group);
  }
  const sorted = [...groups.values()].toSorted((a, b) => b.targets.length - a.targets.length);
  const formats = new Set(sorted.map(({ format }) => format));
  const configGroups = sorted.map((group, i) => [
    `group_${i}`,
    { ...group, targets: i === 0 ? ["Linear"] : group.targets, input_activations: null, output_activations: null },
  ]);
  return {
    quant_method: "compressed-tensors",
    quantization_status: "compressed",
    format: formats.size === 1 ? [...formats][0] : "mixed-precision",
    config_groups: Object.fromEntries(configGroups),
    ignore: matrices.filter(({ format }) => format === undefined).map(({ module }) => module),
    kv_cache_scheme: null,
  };
}

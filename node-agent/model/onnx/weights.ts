import type { Quantization } from "../../../shared/inference/model.ts";
import { elementCount } from "./external-data.ts";
import type { OnnxGraph, OnnxGraphNode, OnnxTensor } from "./graph.ts";

/** Operators that hold weights in 4 or 8 bits: which input they are. `bits` says how many; scales come from the third input on. */
const BLOCK_OPS: ReadonlyMap<string, number> = new Map([
  ["MatMulNBits", 1],
  ["MatMulBnb4", 1],
  ["GatherBlockQuantized", 0],
]);
/** Tables of angles are no weights. */
const ROTARY_OPS: ReadonlySet<string> = new Set(["GroupQueryAttention", "RotaryEmbedding", "MultiHeadAttention"]);

/** Counts a graph's weights and says how most of them are held: exact ones, in whatever float type, as fp32. */
export function weighGraph({ nodes, initializers }: OnnxGraph): { parameters: number; quantization: Quantization } {
  const counts = { fp32: 0, int8: 0, int4: 0 } satisfies Record<Quantization, number>;
  const tensors = new Map(initializers.map((tensor) => [tensor.name, tensor]));
  const take = (name: string | undefined): OnnxTensor | undefined => {
    const tensor = tensors.get(name ?? "");
    tensors.delete(name ?? "");
    return tensor;
  };
  for (const node of nodes) {
    if (ROTARY_OPS.has(node.op)) for (const name of node.inputs) take(name);
    const input = BLOCK_OPS.get(node.op);
    if (input === undefined) continue;
    const levels = take(node.inputs[input]);
    for (const name of node.inputs.slice(2)) take(name);
    if (levels === undefined) continue;
    const bits = node.integers.get("bits") ?? 4;
    counts[bits === 4 ? "int4" : "int8"] += blockElements(node, levels, bits);
  }
  for (const { type, dims } of tensors.values()) {
    const elements = elementCount(dims) ?? 0;
    if (type === "float32" || type === "float16" || type === "bfloat16") counts.fp32 += elements;
    // A scale or a zero point has one axis at most.
    if ((type === "int8" || type === "uint8") && dims.length > 1) counts.int8 += elements;
  }
  const parameters = counts.fp32 + counts.int8 + counts.int4;
  // Norms and a float embedding do not make a model exact: what counts is how its products are held.
  const [held] = (["int4", "int8"] as const).filter((kind) => counts[kind] * 4 >= parameters);
  return { parameters, quantization: held ?? "fp32" };
}

function blockElements(node: OnnxGraphNode, levels: OnnxTensor, bits: number): number {
  const [columns, rows] = [node.integers.get("K"), node.integers.get("N")];
  if (columns !== undefined && rows !== undefined) return elementCount([columns, rows]) ?? 0;
  const packed = bits === 4 && levels.type === "uint8" ? 2 : 1;
  return (elementCount(levels.dims) ?? 0) * packed;
}

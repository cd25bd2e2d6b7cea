import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ModelConfig, parseConfig } from "../config.ts";
import { openModelTensors } from "../model-files.ts";
import type { IntFormat, TensorSource } from "../tensor-source.ts";
import { copyCompanions, readConfigJson } from "./companions.ts";
import { moduleOf, storedNames, type TensorPlan, writeFloats, writeInts, writeRounded } from "./model-writer.ts";
import { quantizationConfig } from "./quantization-config.ts";
import { formatIn, type Recipe, roleOf } from "./recipe.ts";
import { SafetensorsWriter } from "./safetensors-writer.ts";
import { ErrorTable, type GroupError } from "./weight-error.ts";
import { type CalibratedMatrix, calibrate } from "./calibrate.ts";

export interface QuantizeOptions {
  /** The model: a folder in the Hugging Face layout or a GGUF file. */
  path: string;
  /** An empty folder for the new one. */
  target: string;
  recipe: Recipe;
  /** Token ids of texts that 4-bit matrices are fitted to (GPTQ); absent: rounded to nearest. */
  calibration?: readonly (readonly number[])[];
  threads: number;
  /** Hears a fraction in [0, 1] that only grows. */
  onProgress?: (fraction: number) => void;
  signal?: AbortSignal;
}

/**
 * Writes a quantised model into a folder: safetensors in the compressed-tensors format, which load without the original. Weights pass
 * through in pieces; with a calibration, the matrices and activations of a layer are in memory at a time. Throws `model_load_failed`, or
 * the signal's reason.
 */
export async function quantizeModel(options: QuantizeOptions): Promise<GroupError[]> {
  const { path, target, recipe, calibration, signal } = options;
  const json = await readConfigJson(path);
  const config = parseConfig(json);
  const source = await openModelTensors(path);
  try {
    const plans = planTensors(source, config, recipe);
    const untied = plans.length > source.tensors.size;
    await copyCompanions(path, target);
    const held = plans
      .filter((plan) => roleOf(plan.name, plan.shape) !== "other")
      .map(({ name, shape, format }) => ({ module: moduleOf(name), columns: shape[1] ?? 0, format }));
    const fields = { quantization_config: quantizationConfig(held), ...(untied ? { tie_word_embeddings: false } : {}) };
    await writeFile(join(target, "config.json"), `${JSON.stringify(withFields(json, fields), null, 2)}\n`);
    const writer = await SafetensorsWriter.create(join(target, "model.safetensors"), plans.flatMap(storedNames));
    try {
      const errors = new ErrorTable();
      const progress = progressOf(plans, options.onProgress);
      const fitted = new Set(
        calibration === undefined ? [] : plans.filter((plan) => isFitted(source, plan)).map(({ name }) => name),
      );
      for (const plan of plans.filter(({ name }) => !fitted.has(name))) {
        signal?.throwIfAborted();
        await writePlain(writer, source, plan, errors);
        progress(plan);
      }
      if (calibration !== undefined && fitted.size > 0) {
        const matrices = plans.filter(({ name }) => fitted.has(name)).filter(hasFormat);
        for await (const matrix of calibrate({
          source,
          config,
          matrices,
          texts: calibration,
          threads: options.threads,
          folder: target,
        })) {
          signal?.throwIfAborted();
          await writeFitted(writer, matrix, errors);
          progress(matrix.plan);
        }
      }
      await writer.finish();
      return errors.rows();
    } finally {
      await writer.close();
    }
  } finally {
    await source.close();
  }
}

/** Every tensor of the new model. The output layer becomes one of its own if it is held differently than the embedding it was tied to. */
function planTensors(source: TensorSource, config: ModelConfig, recipe: Recipe): TensorPlan[] {
  const plans: TensorPlan[] = [];
  for (const [name, { shape }] of source.tensors) {
    const role = roleOf(name, shape);
    const format = carried(source, name, formatIn(recipe, role, name, shape[1] ?? 0));
    plans.push({ name, from: name, shape, format });
    if (role !== "embedding" || !config.tiedEmbeddings) continue;
    const head = `${config.tensorPrefix}lm_head.weight`;
    const output = carried(source, name, formatIn(recipe, "output", head, shape[1] ?? 0));
    if (output?.bits !== format?.bits) plans.push({ name: head, from: name, shape, format: output });
  }
  return plans;
}

/** What the file holds in these bits already stays as it is, in its own blocks. */
function carried(source: TensorSource, name: string, format: IntFormat | undefined): IntFormat | undefined {
  const stored = source.ints?.formatOf(name);
  return stored !== undefined && stored.bits === format?.bits ? stored : format;
}

/** Matrices that the file holds in 4 bits already are not fitted: they stay as they are. */
function isFitted({ ints }: TensorSource, { name, from, shape, format }: TensorPlan): boolean {
  return format?.bits === 4 && roleOf(name, shape) === "layer" && ints?.formatOf(from)?.bits !== 4;
}

function hasFormat(plan: TensorPlan): plan is TensorPlan & { format: IntFormat } {
  return plan.format !== undefined;
}

async function writePlain(writer: SafetensorsWriter, source: TensorSource, plan: TensorPlan, errors: ErrorTable) {
  if (hasFormat(plan)) errors.add(plan.name, describe(plan), await writeRounded(writer, source, plan));
  else await writeFloats(writer, source, plan);
}

async function writeFitted(writer: SafetensorsWriter, { plan, rows, sums }: CalibratedMatrix, errors: ErrorTable) {
  await writeInts(writer, plan, () => [rows]);
  errors.add(plan.name, describe(plan), sums);
}

function describe({ format, shape }: TensorPlan & { format: IntFormat }): string {
  return format.block === shape[1] ? `int${format.bits}` : `int${format.bits}/${format.block}`;
}

/** A configuration with fields of its text model's; those of the file's own level where it has no such part. */
function withFields(json: Record<string, unknown>, fields: Record<string, unknown>): Record<string, unknown> {
  const text = json["text_config"];
  const part = typeof text === "object" && text !== null ? { text_config: { ...text, ...fields } } : {};
  return { ...json, ...part, ...fields };
}

function progressOf(plans: readonly TensorPlan[], onProgress: QuantizeOptions["onProgress"]) {
  const elements = ({ shape }: TensorPlan) => shape.reduce((product, dim) => product * dim, 1);
  const total = plans.reduce((sum, plan) => sum + elements(plan), 0);
  let done = 0;
  return (plan: TensorPlan) => {
    done += elements(plan);
    onProgress?.(done / total);
  };
}

import { z } from "zod";
import { modelTaskSchema, quantizationSchema } from "../../shared/inference/model.ts";
import { loadEmbedder } from "../model/embedding/load.ts";
import { loadDecoder } from "../model/load.ts";
import { readModelConfig, readModelDefaults } from "../model/model-files.ts";
import { loadTextTools } from "../text/load.ts";
import type { DecoderOptions } from "./decoder.ts";
import { createEmbedRunner, type EmbedRunner } from "./embed-runner.ts";
import { createRunner, type Runner } from "./runner.ts";

/** Everything a model's process is told: see DecoderOptions for the meaning of the fields. */
export const loadOptionsSchema = z.object({
  folder: z.string(),
  /** Absent: to generate text. A model for embeddings has neither slots nor a sampler. */
  task: modelTaskSchema.optional(),
  quantization: quantizationSchema,
  cacheDir: z.string(),
  slots: z.number().int().positive(),
  contextLength: z.number().int().positive().optional(),
  threads: z.number().int().positive().optional(),
});
export type LoadOptions = z.infer<typeof loadOptionsSchema>;

/** Where each stage of loading begins and ends, as a fraction of the whole. Converting takes longest, and is done once. */
const STAGES: Record<Parameters<NonNullable<DecoderOptions["onProgress"]>>[0], readonly [number, number]> = {
  reading: [0, 0.05],
  quantizing: [0.05, 0.6],
  compiling: [0.6, 0.9],
  loading: [0.9, 1],
};

/** Progress is told when it has grown by this much: weights are many, and nobody reads a thousand events. */
const PROGRESS_STEP = 0.02;

/**
 * Loads a model folder. Throws PorchlightError `model_load_failed` with what is wrong with it.
 * @param onProgress hears a fraction in [0, 1] that only grows
 */
export async function loadRunner(options: LoadOptions, onProgress: (fraction: number) => void): Promise<Runner> {
  const { folder, quantization, cacheDir, slots, contextLength, threads } = options;
  const [text, config, defaults] = await Promise.all([
    loadTextTools(folder),
    readModelConfig(folder),
    readModelDefaults(folder),
  ]);
  const decoder = await loadDecoder({
    folder,
    quantization,
    cacheDir,
    slots,
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(threads === undefined ? {} : { threads }),
    onProgress: inSteps(onProgress),
  });
  const { endToken } = text.tokenizer;
  const stopTokens = new Set([...config.eosTokenIds, ...(defaults.eosTokenIds ?? [])]);
  if (endToken !== undefined) stopTokens.add(endToken);
  return createRunner({ ...text, decoder, defaults, stopTokens });
}

/** Loads a model folder for embeddings; otherwise as `loadRunner`. */
export async function loadEmbedRunner(
  options: LoadOptions,
  onProgress: (fraction: number) => void,
): Promise<EmbedRunner> {
  const { folder, quantization, cacheDir, contextLength, threads } = options;
  const model = await loadEmbedder({
    folder,
    quantization,
    cacheDir,
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(threads === undefined ? {} : { threads }),
    onProgress: inSteps(onProgress),
  });
  return createEmbedRunner(model);
}

/** Stages of loading as one fraction that only grows, told when it has grown enough. */
function inSteps(onProgress: (fraction: number) => void): NonNullable<DecoderOptions["onProgress"]> {
  let shown = 0;
  return (stage, fraction) => {
    const [start, end] = STAGES[stage];
    const overall = start + (end - start) * fraction;
    if (overall < shown + PROGRESS_STEP) return;
    shown = overall;
    onProgress(overall);
  };
}

import { join } from "node:path";
import { z } from "zod";
import { modelTaskSchema, quantizationSchema } from "../../shared/inference/model.ts";
import { loadEmbedder } from "../model/embedding/load.ts";
import { loadDecoder } from "../model/load.ts";
import { readModelShape, readModelDefaults } from "../model/model-files.ts";
import { fingerprintModel } from "../model/fingerprint.ts";
import { modelError } from "../model/model-error.ts";
import { type ProviderName, providerSchema } from "../runtime/providers.ts";
import { runtimeVersion } from "../runtime/session.ts";
import { loadTextTools, type TextTools } from "../text/load.ts";
import type { Decoder, DecoderOptions } from "./decoder.ts";
import { createDraftModel } from "./draft-model.ts";
import type { Drafter } from "./drafter.ts";
import { createEmbedRunner, type EmbedRunner } from "./embed-runner.ts";
import { KvDisk } from "./kv-disk.ts";
import { createPromptLookup } from "./prompt-lookup.ts";
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
  provider: providerSchema.optional(),
  /** Memory for keys and values, of running requests and of prefixes kept for later. */
  kvBytes: z.number().int().positive().optional(),
  /** Disk space for keys and values of past conversations. Absent: they are not written down. */
  kvDiskBytes: z.number().int().positive().optional(),
  /** A smaller model of the same vocabulary that guesses tokens ahead. Absent: guesses come from the text itself. */
  draft: z.object({ folder: z.string(), quantization: quantizationSchema }).optional(),
});
export type LoadOptions = z.infer<typeof loadOptionsSchema>;

type OnFallback = (wanted: ProviderName, reason: string) => void;

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
 * @param onFallback hears why the model runs on the CPU and not where it was asked to
 */
export async function loadRunner(
  options: LoadOptions,
  onProgress: (fraction: number) => void,
  onFallback: OnFallback = () => undefined,
): Promise<Runner> {
  const { folder, quantization, cacheDir, slots, contextLength, threads, kvBytes } = options;
  const [text, config, defaults] = await Promise.all([
    loadTextTools(folder),
    readModelShape(folder),
    readModelDefaults(folder),
  ]);
  const shared = {
    cacheDir,
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(threads === undefined ? {} : { threads }),
  };
  const decoder = await loadDecoder({
    ...shared,
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    folder,
    quantization,
    slots,
    heedsStages: true,
    onProgress: inSteps(onProgress),
    onFallback,
  });
  const createDrafter = await loadDrafter(options.draft, shared, text, decoder);
  const kvDisk = await openKvDisk(options, decoder);
  const { endToken } = text.tokenizer;
  const stopTokens = new Set([...config.eosTokenIds, ...(defaults.eosTokenIds ?? [])]);
  if (endToken !== undefined) stopTokens.add(endToken);
  return createRunner({ ...text, decoder, defaults, stopTokens, createDrafter, kvBytes, kvDisk });
}

/** Opens what was kept of past conversations with this very model. */
async function openKvDisk(options: LoadOptions, { contextLength }: Decoder): Promise<KvDisk | undefined> {
  const { folder, quantization, cacheDir, kvDiskBytes } = options;
  if (kvDiskBytes === undefined) return undefined;
  const fingerprint = await fingerprintModel(folder);
  // How positions are turned may depend on how many there can be.
  const model = JSON.stringify([fingerprint, quantization, runtimeVersion, contextLength]);
  const place = join(cacheDir, "kv", fingerprint.slice(0, 32));
  return await KvDisk.open({ folder: place, model, maxBytes: kvDiskBytes });
}

/** What a draft model has to split into the same tokens as the model it guesses for. */
const PROBE_TEXT =
  "The quick brown fox (2 × 21 = 42) jumps över den Hund: 你好，世界！ 🦊\n\tfunction() { return null; }";

async function loadDrafter(
  draft: LoadOptions["draft"],
  shared: Pick<DecoderOptions, "cacheDir" | "contextLength" | "threads">,
  { tokenizer }: TextTools,
  decoder: Decoder,
): Promise<() => Drafter> {
  if (draft === undefined) return createPromptLookup;
  const [small, own] = await Promise.all([loadDecoder({ ...shared, ...draft, slots: 1 }), loadTextTools(draft.folder)]);
  const isSame = own.tokenizer.encode(PROBE_TEXT).join() === tokenizer.encode(PROBE_TEXT).join();
  if (!isSame || small.vocabSize !== decoder.vocabSize) {
    await small.dispose();
    throw modelError(
      "The draft model has another vocabulary than the model it is to guess for. Choose one of its family.",
    );
  }
  const drafter = createDraftModel(small);
  return () => drafter;
}

/** Loads a model folder for embeddings; otherwise as `loadRunner`. */
export async function loadEmbedRunner(
  options: LoadOptions,
  onProgress: (fraction: number) => void,
  onFallback: OnFallback = () => undefined,
): Promise<EmbedRunner> {
  const { folder, quantization, cacheDir, contextLength, threads, provider } = options;
  const model = await loadEmbedder({
    folder,
    quantization,
    cacheDir,
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(threads === undefined ? {} : { threads }),
    ...(provider === undefined ? {} : { provider }),
    onProgress: inSteps(onProgress),
    onFallback,
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

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import type { Decoder, DecoderOptions } from "../engine/decoder.ts";
import { type Hardware, mixedSignsAreExact, probeHardware } from "../hardware/probe.ts";
import { GraphBuilder } from "../runtime/graph-builder.ts";
import { compileModel, openSession, runtimeVersion, type SessionOptions } from "../runtime/session.ts";
import { type CacheEntry, CompiledCache } from "./compiled-cache.ts";
import { fitContext, type ModelConfig } from "./config.ts";
import { fingerprintModel } from "./fingerprint.ts";
import { buildTransformer, precisionsOf, weightCount } from "./transformer.ts";
import { TransformerDecoder } from "./transformer-decoder.ts";
import { modelError } from "./model-error.ts";
import { openModelTensors, readModelConfig } from "./model-files.ts";
import { WeightFile } from "./weight-file.ts";

/** Raise it when the graph or the layout of weights changes: what was compiled before is then compiled anew. */
const BUILDER_VERSION = 5;

const MODEL_FILE = "model.onnx";
const WEIGHTS_FILE = "model.weights";

/**
 * Loads a Hugging Face folder or a GGUF file as a decoder. The first time, the weights are converted and compiled for this CPU (seconds for a
 * small model, a minute for billions of parameters); later loads map the compiled file. Throws PorchlightError `model_load_failed`
 * with what is wrong with the folder.
 */
export async function loadDecoder(options: DecoderOptions): Promise<Decoder> {
  const folder = resolve(options.folder);
  const found = await readModelConfig(folder);
  const contextLength = Math.min(options.contextLength ?? found.maxPositions, found.maxPositions);
  const config = fitContext(found, contextLength);
  const hardware = probeHardware();
  const session: SessionOptions = {
    provider: "cpu",
    threads: options.threads ?? hardware.cpu.cores,
    exactMixedSigns: mixedSignsAreExact(hardware),
  };
  await mkdir(options.cacheDir, { recursive: true });
  const cache = new CompiledCache(options.cacheDir);
  const entry = await cacheEntry(folder, config, options, hardware);
  const build = () => cache.build(entry, (target) => convert(folder, config, options, session, target));
  const open = (compiled: string) => openSession(join(compiled, MODEL_FILE), session);
  try {
    const cached = await cache.find(entry);
    const compiled = cached ?? (await build());
    options.onProgress?.("loading", 0);
    const opened = await open(compiled).catch(async () => {
      // Whole by its sizes and yet not loadable: damaged, or another process is just replacing it.
      if (cached !== undefined) await cache.discard(entry);
      return await open((await cache.find(entry)) ?? (await build()));
    });
    const decoder = new TransformerDecoder(opened, config, { slots: options.slots, contextLength });
    options.onProgress?.("loading", 1);
    return decoder;
  } catch (error) {
    if (error instanceof PorchlightError) throw error;
    throw modelError(`${folder} could not be loaded: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

async function cacheEntry(
  folder: string,
  config: ModelConfig,
  options: DecoderOptions,
  hardware: Hardware,
): Promise<CacheEntry> {
  return {
    source: JSON.stringify([folder, options.quantization]),
    // Neither slots nor context are here: the compiled graph takes any, up to the positions of its tables.
    key: {
      model: await fingerprintModel(folder),
      positions: config.maxPositions,
      quantization: options.quantization,
      cpu: [hardware.os, hardware.arch, hardware.cpu.model, ...hardware.cpu.features],
      runtime: runtimeVersion,
      builder: BUILDER_VERSION,
    },
  };
}

/** Writes the compiled model of a folder into `target`. Weights pass through in pieces; only the quantised model is held at once. */
async function convert(
  folder: string,
  config: ModelConfig,
  options: DecoderOptions,
  session: SessionOptions,
  target: string,
): Promise<void> {
  const { onProgress } = options;
  onProgress?.("reading", 0);
  const converted = join(target, "converted");
  await mkdir(converted);
  const source = await openModelTensors(folder);
  onProgress?.("reading", 1);
  const graph = new GraphBuilder();
  try {
    const file = await WeightFile.create(join(converted, WEIGHTS_FILE));
    const total = weightCount(config);
    let done = 0;
    const onConverted = (elements: number) => {
      done += elements;
      onProgress?.("quantizing", Math.min(1, done / total));
    };
    try {
      const weights = { graph, source, file, onConverted };
      await buildTransformer(config, weights, precisionsOf(options.quantization));
    } finally {
      await file.close();
    }
  } finally {
    await source.close();
  }
  await writeFile(join(converted, MODEL_FILE), graph.encode());
  onProgress?.("compiling", 0);
  const output = { model: join(target, MODEL_FILE), weights: join(target, WEIGHTS_FILE) };
  await compileModel(join(converted, MODEL_FILE), output, converted, session);
  onProgress?.("compiling", 1);
  await rm(converted, { recursive: true });
}

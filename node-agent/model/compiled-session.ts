import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import type { DecoderOptions } from "../engine/decoder.ts";
import { mixedSignsAreExact, probeHardware } from "../hardware/probe.ts";
import { GraphBuilder } from "../runtime/graph-builder.ts";
import { compileModel, openSession, runtimeVersion, type Session, type SessionOptions } from "../runtime/session.ts";
import { type CacheEntry, CompiledCache } from "./compiled-cache.ts";
import { fingerprintModel } from "./fingerprint.ts";
import type { Weights } from "./linear.ts";
import { modelError } from "./model-error.ts";
import type { TensorSource } from "./tensor-source.ts";
import { WeightFile } from "./weight-file.ts";

const MODEL_FILE = "model.onnx";
const WEIGHTS_FILE = "model.weights";

/** A graph that is made of a model's files, and what it depends on. */
export interface CompileJob {
  /** The model's folder or file. */
  path: string;
  quantization: Quantization;
  /** What else the compiled graph depends on: its builder's version and its shape. */
  key: Readonly<Record<string, unknown>>;
  open: () => Promise<TensorSource>;
  /** Adds the graph to `weights.graph`. */
  build: (weights: Weights) => Promise<void>;
  /** About how many weights `build` reads. */
  weightCount: number;
}

export type CompileOptions = Pick<DecoderOptions, "cacheDir" | "threads" | "onProgress">;

/** Opens a model's graph, which is built and compiled for this CPU if it has not been yet. Throws `model_load_failed`. */
export async function openCompiled(job: CompileJob, options: CompileOptions): Promise<Session> {
  const hardware = probeHardware();
  const session: SessionOptions = {
    provider: "cpu",
    threads: options.threads ?? hardware.cpu.cores,
    exactMixedSigns: mixedSignsAreExact(hardware),
  };
  await mkdir(options.cacheDir, { recursive: true });
  const cache = new CompiledCache(options.cacheDir);
  const entry: CacheEntry = {
    source: JSON.stringify([job.path, job.quantization]),
    key: {
      ...job.key,
      model: await fingerprintModel(job.path),
      quantization: job.quantization,
      cpu: [hardware.os, hardware.arch, hardware.cpu.model, ...hardware.cpu.features],
      runtime: runtimeVersion,
    },
  };
  const build = () => cache.build(entry, (target) => convert(job, options, session, target));
  const open = (compiled: string) => openSession(join(compiled, MODEL_FILE), session);
  try {
    const cached = await cache.find(entry);
    const compiled = cached ?? (await build());
    options.onProgress?.("loading", 0);
    return await open(compiled).catch(async () => {
      // Whole by its sizes and yet not loadable: damaged, or another process is just replacing it.
      if (cached !== undefined) await cache.discard(entry);
      return await open((await cache.find(entry)) ?? (await build()));
    });
  } catch (error) {
    if (error instanceof PorchlightError) throw error;
    const said = error instanceof Error ? error.message : String(error);
    throw modelError(`${job.path} could not be loaded: ${said}`, error);
  }
}

/** Writes the compiled model into `target`. Weights pass through in pieces; only the quantised model is held at once. */
async function convert(
  job: CompileJob,
  { onProgress }: CompileOptions,
  session: SessionOptions,
  target: string,
): Promise<void> {
  onProgress?.("reading", 0);
  const converted = join(target, "converted");
  await mkdir(converted);
  const source = await job.open();
  onProgress?.("reading", 1);
  const graph = new GraphBuilder();
  try {
    const file = await WeightFile.create(join(converted, WEIGHTS_FILE));
    let done = 0;
    const onConverted = (elements: number) => {
      done += elements;
      onProgress?.("quantizing", Math.min(1, done / job.weightCount));
    };
    try {
      await job.build({ graph, source, file, onConverted });
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

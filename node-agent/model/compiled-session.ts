import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import type { DecoderOptions } from "../engine/decoder.ts";
import { mixedSignsAreExact, probeHardware } from "../hardware/probe.ts";
import { GraphBuilder } from "../runtime/graph-builder.ts";
import { PROVIDERS, type ProviderName } from "../runtime/providers.ts";
import { compileModel, openSession, runtimeVersion, type Session, type SessionOptions } from "../runtime/session.ts";
import { sayWhy } from "../runtime/try-provider.ts";
import { type CacheEntry, CompiledCache } from "./compiled-cache.ts";
import { fingerprintFiles, fingerprintModel } from "./fingerprint.ts";
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
  /** Nodes that work in place on buffers of the caller's, and are therefore to stay on the CPU. */
  cpuNodes?: readonly string[];
}

export type CompileOptions = Pick<DecoderOptions, "cacheDir" | "threads" | "onProgress" | "provider" | "onFallback">;

/**
 * Opens a model's graph, which is built (and for the CPU compiled) if it has not been yet. Where the wanted provider cannot run it, the
 * CPU does. Throws `model_load_failed`.
 */
export async function openCompiled(job: CompileJob, options: CompileOptions): Promise<Session> {
  const model = await fingerprintModel(job.path);
  return await withFallback(options, async (provider) => {
    // Graphs for accelerators are the same on all of them, and beside that of the CPU.
    const layout = provider === "cpu" ? {} : { layout: "accelerator" };
    return await openCached(
      { ...job, key: { ...job.key, model, ...layout }, provider },
      options,
      (target, session) => convert(job, options, session, target),
      (path, session) => openSession(path, { ...session, cpuNodes: job.cpuNodes ?? [] }),
    );
  });
}

/** Opens with the wanted provider, or where that fails with the CPU. */
async function withFallback<S>(options: CompileOptions, open: (provider: ProviderName) => Promise<S>): Promise<S> {
  const { provider: wanted = "cpu" } = options;
  if (wanted === "cpu") return await open("cpu");
  try {
    const here = `${process.platform}-${process.arch}`;
    if (!PROVIDERS[wanted].platforms.includes(here)) throw new Error(`onnxruntime-node has none for ${here}.`);
    return await open(wanted);
  } catch (error) {
    // What the provider said, and not which model it said it of.
    options.onFallback?.(wanted, sayWhy(error instanceof PorchlightError ? (error.cause ?? error) : error));
    return await open("cpu");
  }
}

/** A graph that somebody else made. */
export interface ReadyJob extends Pick<CompileJob, "path" | "quantization" | "key"> {
  /** The graph, and the files of its weights. */
  graphPath: string;
  weightPaths: readonly string[];
}

/**
 * Opens a ready-made graph, compiled for this CPU if it has not been yet. `open` is `openReturning`, or `openSession` after
 * `edit` has given the graph an output that makes a run return nothing. Throws `model_load_failed`.
 */
export async function openReady<S>(
  job: ReadyJob,
  options: CompileOptions,
  open: (modelPath: string, session: SessionOptions) => Promise<S>,
  edit?: (model: Uint8Array) => Uint8Array,
): Promise<S> {
  if (options.provider !== undefined && options.provider !== "cpu") {
    options.onFallback?.(options.provider, "Ready-made ONNX graphs run on the CPU.");
  }
  const model = await fingerprintFiles([job.graphPath, ...job.weightPaths]);
  const compile = async (target: string, session: SessionOptions) => {
    options.onProgress?.("compiling", 0);
    const scratch = join(target, "converted");
    await mkdir(scratch);
    const output = { model: join(target, MODEL_FILE), weights: join(target, WEIGHTS_FILE) };
    await compileModel(job.graphPath, output, scratch, session);
    if (edit) await writeFile(output.model, edit(await readFile(output.model)));
    options.onProgress?.("compiling", 1);
    await rm(scratch, { recursive: true });
  };
  return await openCached({ ...job, key: { ...job.key, model } }, options, compile, open);
}

/** Opens what is in the cache; `write` puts it there if it is not. */
async function openCached<S>(
  job: Pick<CompileJob, "path" | "quantization" | "key"> & { provider?: ProviderName },
  options: CompileOptions,
  write: (target: string, session: SessionOptions) => Promise<void>,
  openModel: (modelPath: string, session: SessionOptions) => Promise<S>,
): Promise<S> {
  const hardware = probeHardware();
  const session: SessionOptions = {
    provider: job.provider ?? "cpu",
    threads: options.threads ?? hardware.cpu.cores,
    exactMixedSigns: mixedSignsAreExact(hardware),
  };
  await mkdir(options.cacheDir, { recursive: true });
  const cache = new CompiledCache(options.cacheDir);
  const entry: CacheEntry = {
    source: JSON.stringify([job.path, job.quantization, ...("layout" in job.key ? [job.key["layout"]] : [])]),
    key: {
      ...job.key,
      quantization: job.quantization,
      cpu: [hardware.os, hardware.arch, hardware.cpu.model, ...hardware.cpu.features],
      runtime: runtimeVersion,
    },
  };
  const build = () => cache.build(entry, (target) => write(target, session));
  const open = (compiled: string) => openModel(join(compiled, MODEL_FILE), session);
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
      const blocksOnly = session.provider !== "cpu";
      await job.build({ graph, source, file, onConverted, blocksOnly });
    } finally {
      await file.close();
    }
  } finally {
    await source.close();
  }
  await writeFile(join(converted, MODEL_FILE), graph.encode());
  onProgress?.("compiling", 0);
  const output = { model: join(target, MODEL_FILE), weights: join(target, WEIGHTS_FILE) };
  if (session.provider === "cpu") await compileModel(join(converted, MODEL_FILE), output, converted, session);
  else {
    // An accelerator arranges weights in its own memory, when it loads them.
    await rename(join(converted, MODEL_FILE), output.model);
    await rename(join(converted, WEIGHTS_FILE), output.weights);
  }
  onProgress?.("compiling", 1);
  await rm(converted, { recursive: true });
}

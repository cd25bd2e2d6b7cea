import { basename, join } from "node:path";
import { env, InferenceSession, Tensor } from "onnxruntime-node";
import { NO_RESULT } from "./graph-builder.ts";
import { encodeOnnxGraph } from "./onnx-proto.ts";
import { editFields } from "./proto-edit.ts";
import { PROVIDERS, type ProviderName } from "./providers.ts";
import { repackWeights } from "./repack-weights.ts";

export { Tensor };

/** Named tensors that go into a run, or buffers that its results are written to. */
export type Tensors = Record<string, Tensor>;

/** Version of the native library: compiled files are good for this one only. */
export const runtimeVersion: string = env.versions.node ?? env.versions.common;

// Errors come as exceptions, and are told where they matter; ONNX Runtime would also write them to stderr.
env.logLevel = "fatal";

export interface SessionOptions {
  provider: ProviderName;
  /** Intra-op threads. */
  threads: number;
  /** Whether this CPU multiplies unsigned by signed bytes without saturating: see `mixedSignsAreExact` of the hardware probe. */
  exactMixedSigns: boolean;
  /** Nodes that stay on the CPU whatever the provider, where it can be told. */
  cpuNodes?: readonly string[];
}

/** An ONNX graph ready to run. Runs do not overlap. */
export interface Session {
  /**
   * Runs the graph. Results are written into the buffers of `fetches`, which may be the very buffers of `feeds` (how a KV cache
   * grows in place). Blocks the event loop while it computes.
   */
  run(feeds: Tensors, fetches: Tensors): Promise<void>;
  dispose(): Promise<void>;
}

const FAST_EXPERTS = "ORT_USE_MLAS_Q4_GEMM_MOE";
/**
 * ONNX Runtime 1.30 multiplies experts in 4 bits with its kernels for 4 bits only where this is set; otherwise it widens all their weights
 * for every token, which takes ten times as long. Those kernels round each block anew: nothing changes in one that uses its lowest level,
 * as the blocks of our rounding and of Q4_0 do.
 */
process.env[FAST_EXPERTS] ??= "1";

/** For graphs that others rounded: from now on, sessions take the experts' weights as they are. */
export function keepExpertsExact(): void {
  process.env[FAST_EXPERTS] = "0";
}

/** Only what no user can act on is worth a line of the native log: errors come as exceptions. */
const LOG_ERRORS_ONLY = 3;

/**
 * Loads a model file; for the CPU, one that was compiled: its weights are mapped from the file beside it, not read. The graph has to be
 * one `withoutResult` (see GraphBuilder). Throws where the provider is not installed, finds no device, or has no room for the model.
 */
export async function openSession(modelPath: string, options: SessionOptions): Promise<Session> {
  const session = await InferenceSession.create(modelPath, {
    ...baseOptions(options),
    // For the CPU the file is optimized already.
    graphOptimizationLevel: options.provider === "cpu" ? "disabled" : "all",
    extra: { session: sessionEntries },
  });
  return {
    run: (feeds, fetches) => runInPlace(session, feeds, fetches),
    dispose: () => session.release(),
  };
}

/** What onnxruntime-node throws, after the run, when it comes to turn a sequence into a JavaScript value. */
const NOT_A_TENSOR = "Non tensor type is temporarily not supported";

/**
 * Runs a graph whose first output is a sequence, and leaves the results where they were written.
 *
 * onnxruntime-node 1.30 copies every output into a new ArrayBuffer after the run, also those that were written into a buffer of the
 * caller's: for a KV cache that is the whole cache, at every token. Outputs are copied in order, and a sequence stops it with
 * an error before the first of them. (microsoft/onnxruntime pull request 32346 makes this unnecessary.)
 */
async function runInPlace(session: InferenceSession, feeds: Tensors, fetches: Tensors): Promise<void> {
  try {
    await session.run(feeds, { [NO_RESULT]: null, ...fetches });
  } catch (error) {
    if (!(error instanceof Error && error.message.includes(NOT_A_TENSOR))) throw error;
  }
}

/** A graph whose results are taken as they come. Runs do not overlap. */
export interface ReturningSession {
  /** Runs the graph and returns copies of the outputs named. Blocks the event loop while it computes. */
  run(feeds: Tensors, outputs: readonly string[]): Promise<Tensors>;
  dispose(): Promise<void>;
}

/** Like `openSession`, for a graph that is run for the tensors it returns. */
export async function openReturning(modelPath: string, options: SessionOptions): Promise<ReturningSession> {
  const session = await InferenceSession.create(modelPath, {
    ...baseOptions(options),
    graphOptimizationLevel: "disabled",
    extra: { session: sessionEntries },
  });
  return {
    run: (feeds, outputs) => session.run(feeds, outputs),
    dispose: () => session.release(),
  };
}

/** Adds what `openSession` wants to a model that somebody else made: an output before all others that is no tensor. */
export function withoutResult(model: Uint8Array): Uint8Array {
  const end = encodeOnnxGraph({
    nodes: [{ name: NO_RESULT, op: "SequenceEmpty", domain: "", inputs: [], outputs: [NO_RESULT], attributes: {} }],
    initializers: [],
    inputs: [],
    outputs: [{ name: NO_RESULT, type: "sequence" }],
  });
  // Messages that follow each other are one with the fields of all, in order.
  return editFields(model, GRAPH_FIELD, (graph) => Buffer.concat([end, graph]));
}

/** Of ModelProto. */
const GRAPH_FIELD = 7;

export interface ModelFiles {
  model: string;
  /** Its external weights; in the same folder. */
  weights: string;
}

/**
 * Optimizes a model for this CPU and writes it with its weights packed the way the kernels want them. `scratch` takes what ONNX
 * Runtime itself writes, and can be removed afterwards.
 */
export async function compileModel(
  modelPath: string,
  output: ModelFiles,
  scratch: string,
  options: SessionOptions,
): Promise<void> {
  const saved = { model: join(scratch, "saved.onnx"), weights: join(scratch, "saved.weights") };
  const session = await InferenceSession.create(modelPath, {
    ...baseOptions(options),
    graphOptimizationLevel: "all",
    optimizedModelFilePath: saved.model,
    extra: {
      session: {
        ...sessionEntries,
        // With VNNI the products of unsigned and signed bytes are exact; without, they can saturate, and the slower kernels of
        // unsigned bytes only have to be asked for.
        x64quantprecision: options.exactMixedSigns ? "0" : "1",
        optimized_model_external_initializers_file_name: basename(saved.weights),
        save_external_prepacked_constant_initializers: "1",
      },
    },
  });
  await session.release();
  await repackWeights(saved, output);
}

/** Keys of onnxruntime_session_options_config_keys.h, without their `session.` prefix. */
const sessionEntries = {
  set_denormal_as_zero: "1",
};

function baseOptions(options: SessionOptions): InferenceSession.SessionOptions {
  return {
    ...PROVIDERS[options.provider].sessionOptions(options.cpuNodes ?? []),
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    logSeverityLevel: LOG_ERRORS_ONLY,
  };
}

import { InferenceSession, type Tensor } from "onnxruntime-node";
import type { Tensors } from "./session.ts";

/** A graph as somebody else made it: results come as new tensors. Runs do not overlap. */
export interface PlainSession {
  /** Runs the graph for the outputs that are named. */
  run(feeds: Tensors, outputs: readonly string[]): Promise<Map<string, Tensor>>;
  dispose(): Promise<void>;
}

const LOG_ERRORS_ONLY = 3;

/**
 * Opens an ONNX file, on the CPU. Its external data have to be checked before: ONNX Runtime opens what the file names.
 * @param options.threads intra-op threads
 */
export async function openPlainSession(modelPath: string, options: { threads: number }): Promise<PlainSession> {
  const session = await InferenceSession.create(modelPath, {
    executionProviders: ["cpu"],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: LOG_ERRORS_ONLY,
  });
  return {
    run: async (feeds, outputs) => new Map(Object.entries(await session.run(feeds, [...outputs]))),
    dispose: () => session.release(),
  };
}

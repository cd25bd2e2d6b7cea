import type { Decoder, DecoderOptions } from "../../engine/decoder.ts";
import { keepExpertsExact, openReturning, openSession, withoutResult } from "../../runtime/session.ts";
import { openReady } from "../compiled-session.ts";
import { CopyingRunner, InPlaceRunner, type RunnerShape } from "./cache-runner.ts";
import { OnnxDecoder } from "./decoder.ts";
import type { OnnxFiles } from "./files.ts";
import { inspectOnnx } from "./inspect.ts";

/** Raise it when compiled graphs of before are not to be used any more. */
const READY_VERSION = 1;

/** Loads a ready-made graph as a decoder; it is compiled for this CPU first, as graphs of our own are. Throws `model_load_failed`. */
export async function loadOnnxDecoder(files: OnnxFiles, options: DecoderOptions): Promise<Decoder> {
  const { graph, signature, weightPaths, maxPositions } = await inspectOnnx(files);
  if (graph.nodes.some(({ op }) => op === "QMoE")) keepExpertsExact();
  const shape: RunnerShape = {
    signature,
    names: files.names,
    slots: options.slots,
    contextLength: Math.min(options.contextLength ?? maxPositions, maxPositions),
  };
  const { quantization } = options;
  const { graphPath } = files;
  const job = { path: graphPath, quantization, graphPath, weightPaths, key: { ready: READY_VERSION } };
  const runner =
    signature.attention === "copied"
      ? new CopyingRunner(await openReady(job, options, openReturning), shape)
      : new InPlaceRunner(await openReady(job, options, openSession, withoutResult), shape);
  options.onProgress?.("loading", 1);
  return new OnnxDecoder(runner, shape);
}

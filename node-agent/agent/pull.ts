import type { PullModel, PullProgress } from "../../shared/api/ollama/pull-route.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { namedSource, refuseUnsupported } from "../model/pull/named.ts";
import { pullModel } from "../model/pull/pull.ts";

/** Progress is told so often at most. */
const EVERY_MS = 100;

/** Gets models into this folder; the running engine takes them up by itself. */
export function createPull(modelsDir: string, env: NodeJS.ProcessEnv = process.env): PullModel {
  return (model, signal) => {
    const stop = new AbortController();
    return new ReadableStream<PullProgress>({
      start(controller) {
        controller.enqueue({ stage: "resolving" });
        const ended = pull(model, AbortSignal.any([signal, stop.signal]), (progress) => controller.enqueue(progress));
        ended.then(
          () => controller.close(),
          (error: unknown) => controller.error(error),
        );
      },
      cancel: () => stop.abort(new PorchlightError("cancelled")),
    });
  };

  async function pull(model: string, signal: AbortSignal, tell: (progress: PullProgress) => void): Promise<void> {
    const { source, ...hub } = namedSource(model, env);
    if (source.kind === "path") {
      throw new PorchlightError(
        "model_source_invalid",
        "Give a model's name or address, such as qwen3-1.7b or hf:ORG/REPO.",
      );
    }
    let at: PullProgress = { stage: "downloading" };
    let toldMs = Number.NEGATIVE_INFINITY;
    await pullModel(source, {
      ...hub,
      modelsDir,
      signal,
      inspectConfig: refuseUnsupported,
      onEvent: (event) => {
        if (signal.aborted) return;
        if (event.type === "checking") return tell({ stage: "checking" });
        if (event.type === "planned") {
          at = { stage: "downloading", name: event.name, totalBytes: event.bytes, completedBytes: 0 };
        } else at = { ...at, completedBytes: (at.completedBytes ?? 0) + event.bytes };
        const isWhole = at.completedBytes === at.totalBytes;
        if (!isWhole && performance.now() - toldMs < EVERY_MS) return;
        toldMs = performance.now();
        tell(at);
      },
    });
  }
}

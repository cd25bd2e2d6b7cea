import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend, ListedModel } from "../../shared/inference/backend.ts";
import type { ModelInfo } from "../../shared/inference/model.ts";
import { generateRequestSchema } from "../../shared/inference/request.ts";
import type { ModelExit } from "./model-child.ts";
import { ModelProcess } from "./model-process.ts";
import type { SchedulerStats } from "./scheduler-stats.ts";

/** A model on this machine's disk, and how it is to be run. */
export type EngineModel = Omit<ModelInfo, "loaded"> & {
  /** In the Hugging Face layout. */
  folder: string;
};

export interface EngineOptions {
  models: readonly EngineModel[];
  /** Where compiled models are kept. */
  cacheDir: string;
  /** Requests of one model that run at once; more wait. */
  slots?: number;
  /** Threads of each model's process; by default the physical cores. */
  threads?: number;
  /** How far the load of a model has come, in [0, 1]; a first load quantises and compiles, which takes a while. */
  onProgress?: (model: string, fraction: number) => void;
  /** A model's process ended by itself: for the log. Its stderr may hold what a client should not see. */
  onCrash?: (model: string, exit: ModelExit) => void;
}

/** The engine as the API sees it, and what the agent needs to run it. One child process per loaded model. */
export interface EngineBackend extends InferenceBackend {
  /** Loads a model ahead of its first request. Rejects with `model_not_found` or `model_load_failed`. */
  preload(name: string): Promise<void>;
  /** Calls `listener` after a model was loaded or unloaded, until the returned function is called. */
  onChange(listener: () => void): () => void;
  /** Models whose process lives. */
  processes(): { model: string; pid: number }[];
  /** Counters of the loaded models. */
  stats(): Promise<{ model: string; stats: SchedulerStats }[]>;
  /** Ends every process, and every request with an error. Resolves within a second; nothing starts any more. */
  stop(): Promise<void>;
}

const DEFAULT_SLOTS = 4;

export function createEngineBackend(options: EngineOptions): EngineBackend {
  const { models, cacheDir, slots = DEFAULT_SLOTS, threads, onProgress, onCrash } = options;
  const listeners = new Set<() => void>();
  const onChange = (): void => {
    for (const listener of listeners) listener();
  };
  const processes = new Map(
    models.map(({ name, folder, quantization, contextLength }) => [
      name,
      new ModelProcess({
        load: { folder, quantization, cacheDir, slots, contextLength, ...(threads === undefined ? {} : { threads }) },
        onChange,
        onProgress: (fraction) => onProgress?.(name, fraction),
        onCrash: (exit) => onCrash?.(name, exit),
      }),
    ]),
  );
  const notFound = (name: string): PorchlightError => {
    const there =
      models.length === 0
        ? "none"
        : models
            .map((model) => model.name)
            .join(", ")
            .slice(0, 2048);
    return new PorchlightError("model_not_found", `There is no model '${name}' on this machine. There are: ${there}.`, {
      param: "model",
    });
  };

  return {
    listModels: async () =>
      models.map(
        (model): ListedModel => ({
          name: model.name,
          contextLength: model.contextLength,
          architecture: model.architecture,
          quantization: model.quantization,
          parameters: model.parameters,
          createdAt: model.createdAt,
          loaded: processes.get(model.name)?.isLoaded ?? false,
          online: true,
        }),
      ),
    async *generate(request, signal) {
      const parsed = generateRequestSchema.safeParse(request);
      if (!parsed.success) {
        const error = new PorchlightError("invalid_request", z.prettifyError(parsed.error).slice(0, 4096));
        yield { type: "error", error: error.toWire() };
        return;
      }
      const process = processes.get(request.model);
      if (process === undefined) yield { type: "error", error: notFound(request.model).toWire() };
      else yield* process.generate(parsed.data, signal);
    },
    preload: async (name) => {
      const process = processes.get(name);
      if (process === undefined) throw notFound(name);
      await process.load();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    processes: () => [...processes].flatMap(([model, { pid }]) => (pid === undefined ? [] : [{ model, pid }])),
    stats: async () => {
      const all = await Promise.all(
        [...processes].map(async ([model, process]) => ({ model, stats: await process.stats() })),
      );
      return all.flatMap(({ model, stats }) => (stats === null ? [] : [{ model, stats }]));
    },
    stop: async () => {
      await Promise.all([...processes.values()].map((process) => process.stop()));
    },
  };
}

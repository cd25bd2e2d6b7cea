import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend, ListedModel } from "../../shared/inference/backend.ts";
import { embedRequestSchema } from "../../shared/inference/embed.ts";
import { type ModelInfo, type ModelTask, weightBytes, wrongTask } from "../../shared/inference/model.ts";
import { generateRequestSchema } from "../../shared/inference/request.ts";
import type { Execution, ProviderName } from "../runtime/providers.ts";
import type { LoadOptions } from "./load-runner.ts";
import type { ModelExit } from "./model-child.ts";
import { Residency, type ResidencyLimits } from "./residency.ts";
import type { SchedulerStats } from "./scheduler-stats.ts";
import type { ServedModel } from "./served-model.ts";
import { ServedModels } from "./served-models.ts";

/** A model on this machine's disk, and how it is to be run. */
export type EngineModel = Omit<ModelInfo, "loaded"> & {
  /** A model folder, or a GGUF file. */
  folder: string;
  /** Another one where the content of the folder is another. */
  version?: string;
  /** Memory for its keys and values. */
  kvBytes?: number;
  /** A smaller model that guesses its tokens ahead. */
  draft?: NonNullable<LoadOptions["draft"]>;
};

/** How models are run; can change while they run. */
export interface EngineSettings {
  /** Threads of each model's process; by default the physical cores. */
  threads?: number | undefined;
  /** Memory for all loaded models together; absent: as much as they want. */
  memoryBytes?: number | undefined;
  /** How long an idle model stays loaded, in milliseconds; -1 is for ever. */
  keepAliveMs?: number | undefined;
  /** Disk space for keys and values of past conversations, for each model. Absent: they are not written down. */
  kvDiskBytes?: number | undefined;
  /** Where models run; by default on the CPU. */
  provider?: ProviderName | undefined;
}

export interface EngineOptions extends EngineSettings {
  models: readonly EngineModel[];
  /** Where compiled models are kept. */
  cacheDir: string;
  /** Requests of one model that run at once; more wait. */
  slots?: number;
  /** A model runs on the CPU and not where it was asked to. */
  onFallback?: (model: string, fallback: NonNullable<Execution["fallback"]>) => void;
  /** How far the load of a model has come, in [0, 1]; a first load quantises and compiles, which takes a while. */
  onProgress?: (model: string, fraction: number) => void;
  /** A model's process ended by itself: for the log. Its stderr may hold what a client should not see. */
  onCrash?: (model: string, exit: ModelExit) => void;
  /** A new version of a model did not load, and the one before goes on answering. */
  onRefused?: (model: string, error: unknown) => void;
}

/** The engine as the API sees it, and what the agent needs to run it. One child process per loaded model. */
export interface EngineBackend extends InferenceBackend {
  /** Loads a model ahead of its first request. Rejects with `model_not_found` or `model_load_failed`. */
  preload(name: string): Promise<void>;
  /**
   * Serves these models from now on. A new version of a loaded model is brought up beside the old one and takes the next request once it is
   * loaded; a model that is gone finishes its requests. No request fails for it. The same holds for models that `settings` make another
   * of; absent, they stay.
   */
  setModels(models: readonly EngineModel[], settings?: EngineSettings): void;
  /** Calls `listener` after the models have changed or one was loaded or unloaded, until the returned function is called. */
  onChange(listener: () => void): () => void;
  /** Models whose process lives. */
  processes(): { model: string; pid: number }[];
  /** Counters of the loaded models, and where each runs. */
  stats(): Promise<{ model: string; execution: Execution | null; stats: SchedulerStats }[]>;
  /** Ends every process, and every request with an error. Resolves within a second; nothing starts any more. */
  stop(): Promise<void>;
}

const DEFAULT_SLOTS = 4;
/** What a model's process takes beside its weights and its cache: Node, the runtime, the tokenizer. */
const PROCESS_BYTES = 150e6;
const RELIEVE_INTERVAL_MS = 5_000;

export function createEngineBackend(options: EngineOptions): EngineBackend {
  const { cacheDir, slots = DEFAULT_SLOTS, onProgress, onFallback, onCrash, onRefused } = options;
  let settings: EngineSettings = options;
  const listeners = new Set<() => void>();
  const onChange = (): void => {
    for (const listener of listeners) listener();
  };
  const residency = new Residency(limitsOf(settings));
  const relieving = setInterval(() => residency.relieve(), RELIEVE_INTERVAL_MS).unref();
  const served = new ServedModels((model) => {
    const { name, task, folder, quantization, contextLength, kvBytes, draft } = model;
    const { threads, provider, kvDiskBytes } = settings;
    return {
      residency,
      bytes: weightBytes(model.parameters, quantization) + (kvBytes ?? 0) + PROCESS_BYTES,
      process: {
        load: {
          folder,
          task,
          quantization,
          cacheDir,
          slots,
          contextLength,
          ...(threads === undefined ? {} : { threads }),
          ...(provider === undefined ? {} : { provider }),
          ...(kvBytes === undefined ? {} : { kvBytes }),
          ...(draft === undefined ? {} : { draft }),
          ...(kvDiskBytes === undefined ? {} : { kvDiskBytes }),
        },
        onChange,
        onProgress: (fraction) => onProgress?.(name, fraction),
        onFallback: (fallback) => onFallback?.(name, fallback),
        onCrash: (exit) => onCrash?.(name, exit),
      },
      onRefused: (error) => onRefused?.(name, error),
    };
  });
  served.set(options.models);
  const notFound = (name: string): PorchlightError => {
    const names = served.models.map((model) => model.name).join(", ");
    const there = names.slice(0, 2048) || "none";
    return new PorchlightError("model_not_found", `There is no model '${name}' on this machine. There are: ${there}.`, {
      param: "model",
    });
  };
  const serving = (name: string, task: ModelTask): ServedModel | PorchlightError => {
    const found = served.get(name);
    if (found === undefined) return notFound(name);
    const of = served.models.find((model) => model.name === name)?.task;
    return of === task ? found : wrongTask(name, task);
  };

  return {
    listModels: async () =>
      served.models.map(
        (model): ListedModel => ({
          name: model.name,
          task: model.task,
          contextLength: model.contextLength,
          architecture: model.architecture,
          quantization: model.quantization,
          parameters: model.parameters,
          createdAt: model.createdAt,
          loaded: served.get(model.name)?.isLoaded ?? false,
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
      const model = serving(request.model, "generate");
      if (model instanceof PorchlightError) yield { type: "error", error: model.toWire() };
      else yield* model.generate(parsed.data, signal);
    },
    embed: async (request, signal) => {
      const parsed = embedRequestSchema.safeParse(request);
      if (!parsed.success) throw new PorchlightError("invalid_request", z.prettifyError(parsed.error).slice(0, 4096));
      const model = serving(request.model, "embed");
      if (model instanceof PorchlightError) throw model;
      return await model.embed(parsed.data, signal);
    },
    preload: async (name) => {
      const model = served.get(name);
      if (model === undefined) throw notFound(name);
      await model.load();
    },
    setModels: (models, changed = settings) => {
      settings = changed;
      residency.limit(limitsOf(settings));
      if (served.set(models)) onChange();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    processes: () => served.processes(),
    stats: async () => {
      const all = await Promise.all(
        served.entries().map(async ([model, one]) => ({ model, execution: one.execution, stats: await one.stats() })),
      );
      return all.flatMap(({ model, execution, stats }) => (stats === null ? [] : [{ model, execution, stats }]));
    },
    stop: async () => {
      clearInterval(relieving);
      residency.stop();
      await served.stop();
    },
  };
}

function limitsOf({ memoryBytes = Number.POSITIVE_INFINITY, keepAliveMs }: EngineSettings): ResidencyLimits {
  return { budgetBytes: memoryBytes, keepAliveMs };
}

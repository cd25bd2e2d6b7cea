import type { EngineBackend, EngineModel, EngineSettings } from "../engine/backend.ts";
import { chooseProvider, type Machine } from "../runtime/choose-provider.ts";
import { chooseModels, chooseModelsAgain, type WantedModels } from "./models.ts";
import { applyChange, type RunSettings, type SettingsChange } from "./run-settings.ts";

export interface LiveModelsOptions {
  settings: RunSettings;
  modelsDir: string;
  /** Requests that one model answers at once. */
  slots: number;
  /** Memory for models where nobody chose how much. */
  memoryBytes: number;
  machine: Machine;
}

/** Which models an agent runs and how, as its folder and its settings change. One change at a time. */
export class LiveModels {
  readonly #options: LiveModelsOptions;
  #settings: RunSettings;
  #models: readonly EngineModel[];
  #preferred: string;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: LiveModelsOptions, chosen: { models: readonly EngineModel[]; preferred: string }) {
    this.#options = options;
    this.#settings = options.settings;
    this.#models = chosen.models;
    this.#preferred = chosen.preferred;
  }

  /** Throws as `chooseModels`. */
  static async choose(options: LiveModelsOptions): Promise<LiveModels> {
    return new LiveModels(options, await chooseModels(wantedOf(options, options.settings)));
  }

  /** The default one first. */
  get models(): readonly EngineModel[] {
    return this.#models;
  }

  /** Name of the one that is loaded ahead of the first question. */
  get preferred(): string {
    return this.#preferred;
  }

  get settings(): RunSettings {
    return this.#settings;
  }

  /** How the engine is to run them. */
  get engine(): EngineSettings {
    const { threads, keepAliveMs, kvDiskBytes, provider, memoryBytes } = this.#settings;
    return {
      threads,
      keepAliveMs,
      kvDiskBytes,
      memoryBytes: memoryBytes ?? this.#options.memoryBytes,
      provider: chooseProvider(this.#options.machine, provider).provider,
    };
  }

  /** Takes up what has changed in the folder. */
  async look(backend: Pick<EngineBackend, "setModels">): Promise<void> {
    await this.#inTurn(async () => {
      this.#models = await chooseModelsAgain(wantedOf(this.#options, this.#settings), this.#models);
      backend.setModels(this.#models, this.engine);
    });
  }

  /** Has other settings from now on. Throws as `chooseModels` for those that cannot be had, and then all stays as it is. */
  async change(change: SettingsChange, backend: Pick<EngineBackend, "setModels">): Promise<RunSettings> {
    return await this.#inTurn(async () => {
      const settings = applyChange(this.#settings, change);
      const wanted = wantedOf(this.#options, settings);
      // The default model stays the default unless another is chosen.
      const chosen = await chooseModels({ ...wanted, model: wanted.model ?? this.#preferred });
      this.#settings = settings;
      this.#models = chosen.models;
      this.#preferred = chosen.preferred;
      backend.setModels(this.#models, this.engine);
      return settings;
    });
  }

  async #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => undefined); // whoever asked hears of it
    return await turn;
  }
}

function wantedOf({ modelsDir, slots, memoryBytes }: LiveModelsOptions, settings: RunSettings): WantedModels {
  return { ...settings, modelsDir, slots, memoryBytes: settings.memoryBytes ?? memoryBytes };
}

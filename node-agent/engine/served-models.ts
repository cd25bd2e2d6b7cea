import type { EngineModel } from "./backend.ts";
import { ServedModel, type ServedModelOptions } from "./served-model.ts";

/** The models that answer now, by name; what they are may change while they answer. */
export class ServedModels {
  readonly #optionsOf: (model: EngineModel) => ServedModelOptions;
  /** `identity` is another where the model, or how it is run, is another. */
  readonly #served = new Map<string, { identity: string; served: ServedModel }>();
  /** Removed ones that finish what they have begun. */
  readonly #leaving = new Map<ServedModel, string>();
  #models: readonly EngineModel[] = [];

  /** @param optionsOf how a model is run now: one for which this or its version differs is another version */
  constructor(optionsOf: (model: EngineModel) => ServedModelOptions) {
    this.#optionsOf = optionsOf;
  }

  /** In the order they were given. */
  get models(): readonly EngineModel[] {
    return this.#models;
  }

  get(name: string): ServedModel | undefined {
    return this.#served.get(name)?.served;
  }

  /** Serves these from now on. Those that stay as they are do not notice; those that go finish what they have begun. Returns whether anything changed. */
  set(models: readonly EngineModel[]): boolean {
    const isSame = JSON.stringify(models) === JSON.stringify(this.#models);
    this.#models = models;
    for (const [name, { served }] of this.#served) {
      if (models.some((model) => model.name === name)) continue;
      this.#served.delete(name);
      this.#leaving.set(served, name);
      void served.retire().then(() => this.#leaving.delete(served));
    }
    const replaced = models.filter((model) => this.#put(model));
    return !isSame || replaced.length > 0;
  }

  /** Every process that lives, those on their way out too. */
  processes(): { model: string; pid: number }[] {
    const current = [...this.#served].map(([name, { served }]) => ({ name, served }));
    const leaving = [...this.#leaving].map(([served, name]) => ({ name, served }));
    return [...current, ...leaving].flatMap(({ name, served }) => served.pids.map((pid) => ({ model: name, pid })));
  }

  entries(): [string, ServedModel][] {
    return [...this.#served].map(([name, { served }]) => [name, served]);
  }

  async stop(): Promise<void> {
    const all = [...this.entries().map(([, served]) => served), ...this.#leaving.keys()];
    await Promise.all(all.map((served) => served.stop()));
  }

  /** Returns whether the model is new, or another than it was. */
  #put(model: EngineModel): boolean {
    const options = this.#optionsOf(model);
    const identity = JSON.stringify([model.version, options.process.load]);
    const present = this.#served.get(model.name);
    if (present?.identity === identity) return false;
    this.#served.set(model.name, { identity, served: present?.served ?? new ServedModel(options) });
    present?.served.replace(options);
    return true;
  }
}

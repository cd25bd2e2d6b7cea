import type { EngineModel } from "./backend.ts";
import { ServedModel, type ServedModelOptions } from "./served-model.ts";

/** The models that answer now, by name; what they are may change while they answer. */
export class ServedModels {
  readonly #optionsOf: (model: EngineModel) => ServedModelOptions;
  readonly #served = new Map<string, { model: EngineModel; served: ServedModel }>();
  /** Removed ones that finish what they have begun. */
  readonly #leaving = new Map<ServedModel, string>();
  #models: readonly EngineModel[] = [];

  /** @param optionsOf how a model is run: one for which this or its version differs is another version */
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
    if (isSame) return false;
    for (const [name, { served }] of this.#served) {
      if (models.some((model) => model.name === name)) continue;
      this.#served.delete(name);
      this.#leaving.set(served, name);
      void served.retire().then(() => this.#leaving.delete(served));
    }
    for (const model of models) this.#put(model);
    return true;
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

  #put(model: EngineModel): void {
    const present = this.#served.get(model.name);
    if (present === undefined) {
      this.#served.set(model.name, { model, served: new ServedModel(this.#optionsOf(model)) });
      return;
    }
    const isSame = this.#identify(present.model) === this.#identify(model);
    this.#served.set(model.name, { model, served: present.served });
    if (!isSame) present.served.replace(this.#optionsOf(model));
  }

  #identify(model: EngineModel): string {
    return JSON.stringify([model.version, this.#optionsOf(model).process.load]);
  }
}

import type { EmbedRequest, EmbedResult } from "../../shared/inference/embed.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import type { Execution } from "../runtime/providers.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { createEventQueue } from "./event-queue.ts";
import { ModelProcess, type ModelProcessOptions } from "./model-process.ts";
import type { Residency, Resident } from "./residency.ts";

/** A process and the requests that it answers or that wait for its memory. */
class Tenant implements Resident {
  readonly process: ModelProcess;
  readonly bytes: number;
  requests = 0;
  readonly #residency: Residency;
  #gone: Promise<void> | undefined;
  readonly #ended = Promise.withResolvers<void>();
  /** Resolves when the process was ended by `end` and is gone. */
  readonly ended: Promise<void> = this.#ended.promise;

  constructor({ process, bytes, residency }: ServedModelOptions) {
    this.process = new ModelProcess({ ...process, onGone: () => residency.changed() });
    this.bytes = bytes;
    this.#residency = residency;
  }

  get isLive(): boolean {
    return this.process.isLive;
  }

  get measuredBytes(): number | undefined {
    return this.process.residentBytes;
  }

  reclaim(): void {
    this.process.reclaim();
  }

  async unload(): Promise<void> {
    await this.process.unload();
  }

  /** Whether to end it would cost somebody something. */
  get isInUse(): boolean {
    return this.requests > 0 || this.process.pid !== undefined;
  }

  /** Ends the process, and its requests with an error. */
  end(): Promise<void> {
    this.#gone ??= this.#end();
    return this.#gone;
  }

  async #end(): Promise<void> {
    await this.process.stop();
    this.#residency.forget(this);
    this.#ended.resolve();
  }
}

export interface ServedModelOptions {
  process: ModelProcessOptions;
  /** Memory that the loaded model is expected to take. */
  bytes: number;
  /** What says which models may be in memory. */
  residency: Residency;
  /** A new version did not load: the one before goes on answering. */
  onRefused?: ((error: unknown) => void) | undefined;
}

/**
 * One name that answers, whichever version of the model is behind it. A new version is brought up beside the old one, takes the next request
 * once it is loaded, and the old one leaves when its last request ends: no request fails or waits for the change.
 */
export class ServedModel {
  #options: ServedModelOptions;
  #current: Tenant;
  /** Being loaded to follow the current one. */
  #next: Tenant | null = null;
  /** Those that finish what they have begun, and those on their way out. */
  readonly #leaving = new Set<Tenant>();
  readonly #stopped = new AbortController();

  constructor(options: ServedModelOptions) {
    this.#options = options;
    this.#current = new Tenant(options);
  }

  get isLoaded(): boolean {
    return this.#current.process.isLoaded;
  }

  /** Where the current version runs; null when it is not loaded. */
  get execution(): Execution | null {
    return this.#current.process.execution;
  }

  /** Of every process that lives for this name. */
  get pids(): number[] {
    const tenants = [this.#current, ...(this.#next === null ? [] : [this.#next]), ...this.#leaving];
    return tenants.flatMap(({ process: { pid } }) => (pid === undefined ? [] : [pid]));
  }

  /** As ModelProcess.generate, by the version that is current when the first event is asked for. */
  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent, void, undefined> {
    const tenant = this.#enter();
    const { residency } = this.#options;
    try {
      const hasRoom = yield* this.#waitForRoom(tenant, signal);
      try {
        // Without room after all, the engine has stopped or the caller has gone: the process knows what to say.
        yield* tenant.process.generate(request, signal);
      } finally {
        if (hasRoom) residency.leave(tenant, request.keepAliveMs);
      }
    } finally {
      this.#leave(tenant);
    }
  }

  /** As ModelProcess.embed, by the current version. Rejects with `cancelled` when the signal aborts in line, too. */
  async embed(request: EmbedRequest, signal: AbortSignal): Promise<EmbedResult> {
    const tenant = this.#enter();
    const { residency } = this.#options;
    try {
      await residency.enter(tenant, AbortSignal.any([signal, this.#stopped.signal])).catch((error: unknown) => {
        throw signal.aborted ? new PorchlightError("cancelled") : error;
      });
      return await tenant.process.embed(request, signal).finally(() => residency.leave(tenant, request.keepAliveMs));
    } finally {
      this.#leave(tenant);
    }
  }

  async load(): Promise<void> {
    await this.#load(this.#current);
  }

  async stats(): ReturnType<ModelProcess["stats"]> {
    return await this.#current.process.stats();
  }

  /** Serves another version from now on, or as soon as it is loaded where the one before is in use. */
  replace(options: ServedModelOptions): void {
    this.#options = options;
    this.#dropNext();
    const next = new Tenant(options);
    if (!this.#current.isInUse) return this.#follow(next);
    this.#next = next;
    void this.#bringUp(next);
  }

  /** Takes no more requests; resolves when those there are have ended, and the processes with them. */
  async retire(): Promise<void> {
    this.#dropNext();
    this.#dismiss(this.#current);
    await Promise.all([...this.#leaving].map(({ ended }) => ended));
  }

  /** Ends every process, and every request with an error. Nothing starts any more. */
  async stop(): Promise<void> {
    this.#stopped.abort(new PorchlightError("engine_crashed", "The engine has stopped."));
    this.#dropNext();
    this.#leaving.add(this.#current);
    await Promise.all([...this.#leaving].map((tenant) => tenant.end()));
  }

  /** Tells the places in line; returns whether there is room now. A caller that goes away gives up its place. */
  async *#waitForRoom(tenant: Tenant, signal: AbortSignal): AsyncGenerator<GenerateEvent, boolean, undefined> {
    const [over, left] = [new AbortController(), new AbortController()];
    const places = createEventQueue();
    const either = AbortSignal.any([signal, left.signal, this.#stopped.signal]);
    const entered = this.#options.residency
      .enter(tenant, either, (place) => places.push({ type: "progress", stage: "queued", place }))
      .then(
        () => true,
        () => false,
      )
      .finally(() => over.abort());
    try {
      yield* places.read(over.signal);
      return await entered;
    } finally {
      left.abort();
    }
  }

  async #load(tenant: Tenant): Promise<void> {
    const { residency } = this.#options;
    await residency.enter(tenant, this.#stopped.signal);
    await tenant.process.load().finally(() => residency.leave(tenant));
  }

  #enter(): Tenant {
    this.#current.requests += 1;
    return this.#current;
  }

  #leave(tenant: Tenant): void {
    tenant.requests -= 1;
    if (tenant.requests === 0 && this.#leaving.has(tenant)) void tenant.end();
  }

  /** Another version may have been asked for by the time this one is loaded: then it is not wanted any more. */
  async #bringUp(next: Tenant): Promise<void> {
    try {
      await this.#load(next);
    } catch (error) {
      if (this.#next === next) this.#refuse(next, error);
      return;
    }
    if (this.#next === next) this.#follow(next);
  }

  #follow(next: Tenant): void {
    const before = this.#current;
    this.#current = next;
    this.#next = null;
    this.#dismiss(before);
    this.#options.process.onChange?.();
  }

  /** The one before goes on, unless it has nothing to go on with: then the new one says to each request what is wrong with it. */
  #refuse(next: Tenant, error: unknown): void {
    this.#options.onRefused?.(error);
    if (this.#current.isInUse) this.#dropNext();
    else this.#follow(next);
  }

  #dropNext(): void {
    if (this.#next !== null) this.#dismiss(this.#next);
    this.#next = null;
  }

  /** Lets a process end once it has nothing to do. */
  #dismiss(tenant: Tenant): void {
    this.#leaving.add(tenant);
    void tenant.ended.then(() => this.#leaving.delete(tenant));
    if (tenant.requests === 0) void tenant.end();
  }
}

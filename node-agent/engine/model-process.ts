import { type ErrorCode, PorchlightError, type WireError } from "../../shared/errors.ts";
import type { EmbedRequest, EmbedResult } from "../../shared/inference/embed.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import type { LoadOptions } from "./load-runner.ts";
import { type ModelChild, type ModelExit, spawnModelChild } from "./model-child.ts";
import type { Execution } from "../runtime/providers.ts";
import { PendingRequests } from "./pending-requests.ts";
import type { FromModel, ToModel } from "./process-messages.ts";
import type { SchedulerStats } from "./scheduler-stats.ts";

export interface ModelProcessOptions {
  load: LoadOptions;
  /** How far a load has come, in [0, 1]. */
  onProgress?: ((fraction: number) => void) | undefined;
  /** Loaded or unloaded. */
  onChange?: (() => void) | undefined;
  /** The process is gone, and its memory with it. */
  onGone?: (() => void) | undefined;
  /** The model does not run where it was asked to. */
  onFallback?: ((fallback: NonNullable<Execution["fallback"]>) => void) | undefined;
  /** The process ended by itself: for the log, `stderr` may hold what a client should not see. */
  onCrash?: ((exit: ModelExit) => void) | undefined;
}

/** How long an unloaded process may take to write down what it keeps. */
const UNLOAD_MS = 10_000;

/** One life of the process. `loaded` settles once. */
interface Life {
  child: ModelChild;
  isReady: boolean;
  /** Resident memory, as it was last told. */
  residentBytes: number | undefined;
  /** Where the model runs; known once it is ready. */
  execution: Execution | null;
  loaded: PromiseWithResolvers<void>;
  fraction: number;
}

/** The parent's side of one model: starts its process on demand, passes requests through, starts it anew after a crash. */
export class ModelProcess {
  readonly #options: ModelProcessOptions;
  #life: Life | null = null;
  /** Processes on their way out. */
  readonly #ending = new Set<Promise<unknown>>();
  #isStopped = false;
  readonly #pending = new PendingRequests();

  constructor(options: ModelProcessOptions) {
    this.#options = options;
  }

  get isLoaded(): boolean {
    return this.#life?.isReady ?? false;
  }

  /** Where the model runs; null when it is not loaded. */
  get execution(): Execution | null {
    return this.#life?.execution ?? null;
  }

  get pid(): number | undefined {
    return this.#life?.child.pid;
  }

  /** Whether there is a process, one on its way out too. */
  get isLive(): boolean {
    return this.#life !== null || this.#ending.size > 0;
  }

  /** Memory of the process, as it last told; undefined before that. */
  get residentBytes(): number | undefined {
    return this.#life?.residentBytes;
  }

  /** Gives back the memory that no running request needs. */
  reclaim(): void {
    if (this.#life?.isReady === true) this.#life.child.send({ type: "reclaim" });
  }

  /** Lets an idle process write down what may be kept, and ends it. The next request starts another. Resolves when it is gone. */
  async unload(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    this.#pending.withoutStats();
    life.loaded.reject(
      new PorchlightError("engine_crashed", "The model was unloaded while it was loading. Try again."),
    );
    life.child.send({ type: "unload" });
    const late = setTimeout(() => void life.child.stop(), UNLOAD_MS);
    const gone = life.child.exited.finally(() => {
      clearTimeout(late);
      this.#ending.delete(gone);
    });
    this.#ending.add(gone);
    if (life.isReady) this.#options.onChange?.();
    await gone;
  }

  /** As InferenceBackend.generate. The generation starts with the first event asked for. */
  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent, void, undefined> {
    if (signal.aborted) return;
    const { message, queue } = this.#pending.generate(request);
    const leave = this.#leaving(message.id);
    signal.addEventListener("abort", leave, { once: true });
    const life = this.#ask(message);
    if (life?.isReady === false) queue.push({ type: "progress", stage: "loading", fraction: life.fraction });
    try {
      yield* queue.read(signal);
    } finally {
      signal.removeEventListener("abort", leave);
      leave();
    }
  }

  /** As InferenceBackend.embed. */
  async embed(request: EmbedRequest, signal: AbortSignal): Promise<EmbedResult> {
    if (signal.aborted) throw new PorchlightError("cancelled");
    const { message, result } = this.#pending.embed(request);
    const leave = this.#leaving(message.id);
    signal.addEventListener("abort", leave, { once: true });
    this.#ask(message);
    try {
      return await result;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Loads the model if it is not loaded. Rejects with `model_load_failed`, or `engine_crashed` when stopped. */
  async load(): Promise<void> {
    const life = this.#start();
    if (life === null) throw PorchlightError.fromWire(STOPPED);
    await life.loaded.promise;
  }

  /** Counters of the engine; null when the model is not loaded, and for one that has no scheduler. */
  async stats(): Promise<SchedulerStats | null> {
    const life = this.#life;
    if (life?.isReady !== true || this.#options.load.task === "embed") return null;
    const { message, stats } = this.#pending.stats();
    life.child.send(message);
    return await stats;
  }

  /** Ends the process, and every request with an error; nothing starts any more. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const life = this.#life;
    if (life !== null) this.#end(life, wire("engine_crashed", "The model was stopped while it was answering."));
    await Promise.all(this.#ending);
  }

  /** Has the process answer, once it can. Returns the life that will; null when stopped, and then the request has its error. */
  #ask(message: ToModel): Life | null {
    const life = this.#start();
    if (life?.isReady === true) life.child.send(message);
    return life;
  }

  /** What gives up a request that is not answered. */
  #leaving(id: number): () => void {
    return () => {
      if (this.#pending.drop(id)) this.#life?.child.send({ type: "cancel", id });
    };
  }

  /** The life there is or a new one; null when stopped, and then every request has its error. */
  #start(): Life | null {
    if (this.#isStopped) {
      this.#pending.fail(STOPPED);
      return null;
    }
    if (this.#life !== null) return this.#life;
    const child = spawnModelChild((message) => {
      if (this.#life === life) this.#receive(life, message);
    });
    const life: Life = {
      child,
      isReady: false,
      residentBytes: undefined,
      execution: null,
      loaded: Promise.withResolvers(),
      fraction: 0,
    };
    // Whoever asked for the load hears of its failure; requests have their own error event.
    life.loaded.promise.catch(() => {});
    this.#life = life;
    void this.#watch(life);
    child.send({ type: "load", options: this.#options.load });
    return life;
  }

  #receive(life: Life, message: FromModel): void {
    switch (message.type) {
      case "loading":
        life.fraction = message.fraction;
        this.#options.onProgress?.(message.fraction);
        this.#pending.loading(message.fraction);
        break;
      case "ready":
        life.isReady = true;
        life.execution = message.execution;
        if (message.execution.fallback) this.#options.onFallback?.(message.execution.fallback);
        for (const request of this.#pending.messages()) life.child.send(request);
        life.loaded.resolve();
        this.#options.onChange?.();
        break;
      case "failed":
        this.#end(life, message.error);
        break;
      case "memory":
        life.residentBytes = message.bytes;
        break;
      case "events":
      case "stats":
      case "embedded":
      case "embed_failed":
        this.#pending.receive(message);
    }
  }

  /** Turns an exit that nobody asked for into errors. */
  async #watch(life: Life): Promise<void> {
    const exit = await life.child.exited;
    queueMicrotask(() => this.#options.onGone?.());
    if (this.#life !== life) return;
    const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
    this.#options.onCrash?.(exit);
    this.#end(
      life,
      life.isReady
        ? wire(
            "engine_crashed",
            `The model's process ended while it was answering (${how}). Try again: it restarts by itself.`,
          )
        : wire(
            "model_load_failed",
            `The model's process ended while it was loading (${how}). The machine may be short of memory: try a smaller model.`,
          ),
    );
  }

  /** Gives up a life: its requests end with `error`, its process goes away by itself. */
  #end(life: Life, error: WireError): void {
    this.#life = null;
    life.loaded.reject(PorchlightError.fromWire(error));
    this.#pending.fail(error);
    const gone = life.child.stop().finally(() => this.#ending.delete(gone));
    this.#ending.add(gone);
    if (life.isReady) this.#options.onChange?.();
  }
}

const STOPPED = wire("engine_crashed", "The engine has stopped. Start it again with 'porchlight up'.");

function wire(code: ErrorCode, message: string): WireError {
  return { code, message };
}

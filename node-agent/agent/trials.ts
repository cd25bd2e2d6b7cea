import { PorchlightError } from "../../shared/errors.ts";
import type { Health, Speed } from "../../shared/protocol/messages.ts";

/** How often a trial that failed is repeated: the machine gets no work until one passes. */
const RETRY_MS = 30_000;
/** A trial that takes longer has failed: a model that hangs says nothing by itself. */
const TIMEOUT_MS = 120_000;

export interface TrialOptions {
  /** Has the model answer. Rejects when it does not. `keepAliveMs`: how long it may stay loaded; absent: as it is set. */
  run: (signal: AbortSignal, keepAliveMs: number | undefined) => Promise<Speed | undefined>;
  /** Whether anything is being answered. */
  isBusy: () => boolean;
  /** Whether the model is loaded: one that is not need not be tried. */
  isLoaded: () => boolean;
  /** How long an idle model stays; undefined for ever. */
  keepAliveMs: number | undefined;
  /** Idle time between trials; 0 turns them off. */
  everyMs: number;
  onHealth: (health: Health, speed: Speed | undefined) => void;
  retryMs?: number;
  timeoutMs?: number;
}

/**
 * Tries a model now and then: while it is loaded and nobody asks anything of it, so that nobody waits for a trial, and so that none
 * keeps it loaded. After a trial that failed it tries again until one passes.
 */
export class Trials {
  readonly #options: TrialOptions;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  /** By the process's clock: the last trial, and the last time that something was seen to be answered. */
  #triedMs = Number.NEGATIVE_INFINITY;
  #busyMs = performance.now();
  #running: Promise<void> | undefined;
  health: Health = { ok: true, checkedAt: 0 };

  constructor(options: TrialOptions) {
    this.#options = options;
    const { everyMs, retryMs = RETRY_MS } = options;
    if (everyMs > 0) this.#timer = setInterval(() => this.#tick(), Math.min(everyMs, retryMs) / 4).unref();
  }

  /** Tries now; one that is under way counts. Never rejects. */
  check(): Promise<void> {
    this.#running ??= this.#try(undefined).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stop.abort();
  }

  #tick(): void {
    const { isBusy, isLoaded, keepAliveMs, everyMs, retryMs = RETRY_MS } = this.#options;
    const now = performance.now();
    if (isBusy()) this.#busyMs = now;
    const sinceTrialMs = now - this.#triedMs;
    if (!this.health.ok) {
      if (sinceTrialMs >= retryMs) void this.check();
      return;
    }
    const idleMs = now - this.#busyMs;
    if (this.#running !== undefined || !isLoaded() || Math.min(idleMs, sinceTrialMs) < everyMs) return;
    // Loaded beyond its time: a request wanted that, and a trial would change it.
    if (keepAliveMs !== undefined && idleMs >= keepAliveMs) return;
    this.#running = this.#try(keepAliveMs === undefined ? undefined : Math.floor(keepAliveMs - idleMs)).finally(() => {
      this.#running = undefined;
    });
  }

  async #try(keepAliveMs: number | undefined): Promise<void> {
    const { run, onHealth, timeoutMs = TIMEOUT_MS } = this.#options;
    const overdue = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([this.#stop.signal, overdue]);
    this.#triedMs = performance.now();
    const tooLong = new Promise<never>((_, reject) => {
      overdue.addEventListener("abort", () =>
        reject(new PorchlightError("timeout", "The model did not answer in time.")),
      );
    });
    try {
      const speed = await Promise.race([run(signal, keepAliveMs), tooLong]);
      if (signal.aborted) return;
      this.#take({ ok: true, checkedAt: Date.now() }, speed, onHealth);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const { code, message } = PorchlightError.from(error);
      if (code === "overloaded") return; // It is at work: that is no fault.
      this.#take({ ok: false, checkedAt: Date.now(), reason: message.slice(0, 512) }, undefined, onHealth);
    }
  }

  #take(health: Health, speed: Speed | undefined, tell: TrialOptions["onHealth"]): void {
    this.health = health;
    tell(health, speed);
  }
}

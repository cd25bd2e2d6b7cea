import { setTimeout as sleep } from "node:timers/promises";
import { PorchlightError } from "../../../shared/errors.ts";

export interface RetryTiming {
  firstMs: number;
  maxMs: number;
  /** Failures in a row, without a byte of progress between them, after which it is given up. */
  attempts: number;
  /** A server that asks for a longer pause than this is not waited for. */
  longestAskedMs: number;
}

export const RETRY: RetryTiming = { firstMs: 500, maxMs: 30_000, attempts: 8, longestAskedMs: 300_000 };

/** Waits between tries of one thing: doubling with jitter, or as long as the server asks (Retry-After). */
export class Retries {
  readonly #timing: RetryTiming;
  readonly #signal: AbortSignal;
  #failures = 0;

  constructor(timing: RetryTiming, signal: AbortSignal) {
    this.#timing = timing;
    this.#signal = signal;
  }

  progressed(): void {
    this.#failures = 0;
  }

  /** Waits before the next try, or throws `error` when there is to be none. */
  async failed(error: unknown): Promise<void> {
    this.#failures += 1;
    const { firstMs, maxMs, attempts, longestAskedMs } = this.#timing;
    const isTransient = error instanceof PorchlightError && error.code === "model_download_failed";
    const askedMs = isTransient ? (error.retryAfterMs ?? 0) : 0;
    if (!isTransient || this.#failures >= attempts || askedMs > longestAskedMs) throw error;
    const ownMs = Math.min(maxMs, firstMs * 2 ** (this.#failures - 1));
    // Full jitter on top of what the server asked for: clients that were sent away together do not come back together.
    const waitMs = askedMs > 0 ? askedMs + Math.random() * firstMs : ownMs * (0.5 + Math.random() / 2);
    try {
      await sleep(waitMs, undefined, { signal: this.#signal });
    } catch {
      this.#signal.throwIfAborted(); // with its own reason instead of the timer's AbortError
    }
  }
}

/** Runs `action` until it succeeds or must be given up. */
export async function withRetries<T>(timing: RetryTiming, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  const retries = new Retries(timing, signal);
  for (;;) {
    try {
      return await action();
    } catch (error) {
      await retries.failed(error);
    }
  }
}

import { CLOSE_CODES } from "../../shared/protocol/close-codes.ts";

export interface BackoffTiming {
  reconnectMinMs: number;
  reconnectMaxMs: number;
  reconnectHealthyMs: number;
  reconnectRunningMs: number;
}

/** How much of a wait is left to chance, so that agents which lost one edge together do not come back together. */
const JITTER = 0.25;
/** After a restart the edge is back at once; the first try is spread over this. */
const RESTART_SPREAD_MS = 250;
/** An edge on a machine of one's own takes seconds to come back: it is tried this often, for so long. */
const RESTART_EVERY_MS = 500;
const RESTART_PATIENCE_MS = 60_000;

/** How long to wait before dialling again: doubling, with jitter, from the start again after a time of health. */
export class Backoff {
  readonly #timing: BackoffTiming;
  readonly #random: () => number;
  readonly #now: () => number;
  #failures = 0;
  /** When the edge said that it restarts; until a time of health it is believed once. */
  #restartedAtMs: number | undefined;

  constructor(timing: BackoffTiming, random: () => number = Math.random, now: () => number = () => performance.now()) {
    this.#timing = timing;
    this.#random = random;
    this.#now = now;
  }

  /**
   * @param healthyMs how long the connection that just ended had been welcome
   * @param isRunning whether somebody waits for a run of this agent
   */
  nextMs(closeCode: number, healthyMs: number, isRunning = false): number {
    const { reconnectMinMs, reconnectMaxMs, reconnectHealthyMs, reconnectRunningMs } = this.#timing;
    if (healthyMs >= reconnectHealthyMs) {
      this.#failures = 0;
      this.#restartedAtMs = undefined;
    }
    if (closeCode === CLOSE_CODES.restart && this.#restartedAtMs === undefined) {
      this.#restartedAtMs = this.#now();
      return this.#random() * RESTART_SPREAD_MS;
    }
    const sinceMs = this.#restartedAtMs === undefined ? Number.POSITIVE_INFINITY : this.#now() - this.#restartedAtMs;
    if (sinceMs < RESTART_PATIENCE_MS) return RESTART_EVERY_MS * (1 - JITTER * this.#random());
    const longestMs = isRunning ? reconnectRunningMs : reconnectMaxMs;
    const waitMs = Math.min(longestMs, reconnectMinMs * 2 ** this.#failures);
    this.#failures += 1;
    return waitMs * (1 - JITTER * this.#random());
  }
}

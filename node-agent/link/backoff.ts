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

/** How long to wait before dialling again: doubling, with jitter, from the start again after a time of health. */
export class Backoff {
  readonly #timing: BackoffTiming;
  readonly #random: () => number;
  #failures = 0;
  #hurried = false;

  constructor(timing: BackoffTiming, random: () => number = Math.random) {
    this.#timing = timing;
    this.#random = random;
  }

  /**
   * @param healthyMs how long the connection that just ended had been welcome
   * @param isRunning whether somebody waits for a run of this agent
   */
  nextMs(closeCode: number, healthyMs: number, isRunning = false): number {
    const { reconnectMinMs, reconnectMaxMs, reconnectHealthyMs, reconnectRunningMs } = this.#timing;
    if (healthyMs >= reconnectHealthyMs) {
      this.#failures = 0;
      this.#hurried = false;
    }
    if (closeCode === CLOSE_CODES.restart && !this.#hurried) {
      this.#hurried = true;
      return this.#random() * RESTART_SPREAD_MS;
    }
    const longestMs = isRunning ? reconnectRunningMs : reconnectMaxMs;
    const waitMs = Math.min(longestMs, reconnectMinMs * 2 ** this.#failures);
    this.#failures += 1;
    return waitMs * (1 - JITTER * this.#random());
  }
}

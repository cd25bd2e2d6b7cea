import type { ErrorCode } from "../../../shared/errors.ts";
import type { Health } from "../../../shared/protocol/messages.ts";

/** So many requests in a row that failed by a machine's own fault make it one that has to prove itself. */
const FAILURES = 3;
/** One that cannot be asked for a trial is given work again after this. */
const UNPROVED_MS = 60_000;

/** What an agent says when the fault is its own, not the request's. */
const OWN_FAULTS: ReadonlySet<ErrorCode> = new Set([
  "internal",
  "engine_crashed",
  "answer_unreadable",
  "timeout",
  "model_load_failed",
]);

interface State {
  failures: number;
  /** Since when it gets no work. */
  sinceMs: number | undefined;
  /** The trial it had told of by then: only a later one counts. */
  checkedAt: number;
}

/**
 * Machines that fail what they are asked, though their trials may go well. It is kept in memory alone: a machine that still fails is
 * found out again.
 */
export class Suspicion {
  readonly #states = new Map<string, State>();

  /** A request ended. Returns whether the machine has just become one that has to prove itself. */
  ended(agentId: string, failure: ErrorCode | undefined, health: Health | undefined, nowMs: number): boolean {
    if (failure === undefined) {
      if (this.#states.get(agentId)?.sinceMs === undefined) this.#states.delete(agentId);
      return false;
    }
    if (!OWN_FAULTS.has(failure)) return false;
    const state = this.#states.get(agentId) ?? { failures: 0, sinceMs: undefined, checkedAt: 0 };
    this.#states.set(agentId, state);
    state.failures += 1;
    if (state.failures < FAILURES || state.sinceMs !== undefined) return false;
    state.sinceMs = nowMs;
    state.checkedAt = health?.checkedAt ?? 0;
    return true;
  }

  /** Whether a machine may get work, given what it says of its trials. */
  isHealthy(agentId: string, health: Health | undefined, nowMs: number): boolean {
    const state = this.#states.get(agentId);
    if (state?.sinceMs === undefined) return health?.ok !== false;
    const isProved = health === undefined ? nowMs - state.sinceMs >= UNPROVED_MS : health.checkedAt > state.checkedAt;
    if (isProved) this.#states.delete(agentId);
    return isProved && health?.ok !== false;
  }

  forget(agentId: string): void {
    this.#states.delete(agentId);
  }
}

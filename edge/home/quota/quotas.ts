import { PorchlightError } from "../../../shared/errors.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import { CREDENTIAL_LIMITS } from "../../credentials/limits.ts";
import { AnswerMeter, estimateTokens } from "./answer-meter.ts";
import { admit, type Running } from "./gate.ts";
import { UsageLedger } from "./ledger.ts";
import { PaceTable } from "./pace.ts";

/** What a request asks for, as far as limits go. */
export interface Demand {
  caller: Caller;
  model: string;
  bodyBytes: number;
  /** Most tokens that prompt and answer can be together. */
  worstTokens: number;
}

/** A request that was let through: settle it exactly once, or as often as is easier. */
export interface Ticket {
  /** How the caller stands, for the client. */
  headers: Record<string, string>;
  /** Takes what stops the request: the key may be revoked while it runs. */
  onRevoked(stop: () => void): void;
  read(bytes: Uint8Array): void;
  /** For so long no machine worked on it. */
  rested(ms: number): void;
  /** The answer has ended, in whatever way. `lost`: not as the agent meant it. */
  settle(lost: boolean): void;
  /** No agent took it: nothing was used. */
  cancel(): void;
}

type RunningRequest = Running & { stop: () => void };

/** Limits and usage of a household's callers: the one place where both are counted. */
export class Quotas {
  readonly #ledger: UsageLedger;
  readonly #pace: PaceTable;
  readonly #running = new Map<string, Set<RunningRequest>>();
  /** Changes that a Worker may not have heard of: what it has cached is at most so old. Null: revoked. */
  readonly #changed = new Map<string, { caller: Caller | null; untilMs: number }>();

  constructor(sql: SqlStorage) {
    this.#ledger = new UsageLedger(sql);
    this.#pace = new PaceTable(sql);
  }

  /** Lets a request through, or throws QuotaError; `invalid_api_key` for a key that was just revoked. */
  start({ caller: claimed, model, bodyBytes, worstTokens }: Demand): Ticket {
    const now = Date.now();
    const caller = this.#newest(claimed, now);
    const running = this.#running.get(caller.id) ?? new Set();
    const headers = admit(caller, worstTokens, { ledger: this.#ledger, pace: this.#pace, running }, now);
    const promptTokens = estimateTokens(bodyBytes);
    const { tokensPerDay, nodeSecondsPerDay } = caller.limits;
    const isKept = tokensPerDay !== null || nodeSecondsPerDay !== null;
    const over = isKept ? this.#ledger.begin(caller.id, model, promptTokens, now) : undefined;
    const request: RunningRequest = { tokens: worstTokens, startedAtMs: now, stop: () => undefined };
    this.#running.set(caller.id, running.add(request));
    const meter = new AnswerMeter();
    let restedMs = 0;
    const end = (): boolean => {
      if (!running.delete(request)) return false;
      if (running.size === 0 && this.#running.get(caller.id) === running) this.#running.delete(caller.id);
      over?.();
      return true;
    };
    return {
      headers,
      onRevoked: (stop) => {
        request.stop = stop;
      },
      read: (bytes) => meter.read(bytes),
      rested: (ms) => {
        restedMs += ms;
      },
      cancel: end,
      settle: (lost) => {
        if (!end()) return;
        const { failed, ...tokens } = meter.result(promptTokens);
        const ended = Date.now();
        const use = {
          requests: 1,
          ...tokens,
          nodeMs: ended - now - restedMs,
          errors: failed || (lost && !meter.ended) ? 1 : 0,
        };
        this.#ledger.add(caller.id, model, use, ended);
      },
    };
  }

  /**
   * Takes up a request that an object before this one let through and that goes on. What was under way then was charged when that
   * object was lost, for callers with limits by day: here follows the rest.
   */
  takeUp({ caller, model, bodyBytes }: Pick<Demand, "caller" | "model" | "bodyBytes">): Ticket {
    const { tokensPerDay, nodeSecondsPerDay } = caller.limits;
    const wasCharged = tokensPerDay !== null || nodeSecondsPerDay !== null;
    const running = this.#running.get(caller.id) ?? new Set();
    const request: RunningRequest = { tokens: 0, startedAtMs: Date.now(), stop: () => undefined };
    this.#running.set(caller.id, running.add(request));
    const meter = new AnswerMeter();
    let restedMs = 0;
    const end = (): boolean => {
      if (!running.delete(request)) return false;
      if (running.size === 0 && this.#running.get(caller.id) === running) this.#running.delete(caller.id);
      return true;
    };
    return {
      headers: {},
      onRevoked: (stop) => {
        request.stop = stop;
      },
      read: (bytes) => meter.read(bytes),
      rested: (ms) => {
        restedMs += ms;
      },
      cancel: end,
      settle: (lost) => {
        if (!end()) return;
        const { failed, ...tokens } = meter.result(estimateTokens(bodyBytes));
        const ended = Date.now();
        const use = {
          ...tokens,
          requests: wasCharged ? 0 : 1,
          promptTokens: wasCharged ? 0 : tokens.promptTokens,
          nodeMs: ended - request.startedAtMs - restedMs,
          errors: failed || (lost && !meter.ended) ? 1 : 0,
        };
        this.#ledger.add(caller.id, model, use, ended);
      },
    };
  }

  /** A key's limits are others from now on. */
  change(caller: Caller): void {
    this.#changed.set(caller.id, { caller, untilMs: Date.now() + CREDENTIAL_LIMITS.keyCacheMs });
  }

  /** A key is worth nothing from now on; what it runs ends. */
  revoke(id: string): void {
    this.#changed.set(id, { caller: null, untilMs: Date.now() + CREDENTIAL_LIMITS.keyCacheMs });
    // Its own counts stay for their minute: a Worker that has the key cached may ask once more after this object is lost.
    this.#pace.sweep(Date.now());
    for (const { stop } of this.#running.get(id) ?? []) stop();
  }

  usage(from: string, to: string) {
    return this.#ledger.read(from, to);
  }

  #newest(claimed: Caller, nowMs: number): Caller {
    for (const [id, { untilMs }] of this.#changed) if (untilMs <= nowMs) this.#changed.delete(id);
    const change = this.#changed.get(claimed.id);
    if (change === undefined) return claimed;
    if (change.caller === null) throw new PorchlightError("invalid_api_key", "This API key was revoked.");
    return change.caller.version > claimed.version ? change.caller : claimed;
  }
}

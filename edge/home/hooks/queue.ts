import type { HookDelivery } from "./delivery.ts";
import type { HookDeliveryTable } from "./delivery-table.ts";
import type { Hook, HookTable } from "./hook.ts";
import { HOOK_LIMITS } from "./limits.ts";
import { failureOf, type WorkEnd, workOn, type WorkPorts } from "./work.ts";

/** Nothing was run, or what ran is safe to run again: there is another time for it. */
const LATER = new Set([
  "plugin_no_runtime",
  "agent_offline",
  "agent_disconnected",
  "edge_restarting",
  "archive_offline",
  "overloaded",
  "model_busy",
  "rate_limit_exceeded",
  "session_busy",
  "session_full",
  "model_not_found",
]);
/** Of those, what ends when a machine comes. */
const NOBODY_THERE = ["plugin_no_runtime", "agent_offline", "agent_disconnected", "model_not_found"];

export interface HookQueueOptions {
  ports: WorkPorts;
  hooks: HookTable;
  deliveries: HookDeliveryTable;
  /** There is nobody any more for whom a hook's messages would be worked on. */
  onEnds: (hook: Hook, why: "person_gone" | "key_revoked") => void;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange: () => void;
  now: () => number;
}

/** Works on messages that were taken: in order, a few at once, again later where a machine was not there. */
export class HookQueue {
  readonly #options: HookQueueOptions;
  /** Of each message that is worked on, its hook. */
  readonly #underWay = new Map<string, string>();
  readonly #waiters = new Map<string, (ended: HookDelivery | undefined) => void>();
  /** Turns that ended in this life of the object. */
  #turnsEnded = 0;
  /** Whether anything waits for a machine or a conversation, as far as this life of the object knows. */
  #waits = true;

  constructor(options: HookQueueOptions) {
    this.#options = options;
    // An earlier life of the object may have ended in their midst.
    options.deliveries.recover(() => false, options.now());
  }

  /** Begins with a message. Resolves when it has ended, or is put off. */
  async take(id: string): Promise<HookDelivery | undefined> {
    const ending = new Promise<HookDelivery | undefined>((done) => this.#waiters.set(id, done));
    this.tick();
    return await ending;
  }

  /** Begins what is due. */
  tick(): void {
    const { deliveries, onChange, now } = this.#options;
    deliveries.recover((id) => this.#underWay.has(id), now());
    for (const { id, hookId } of deliveries.due(now())) this.#begin(id, hookId);
    onChange();
  }

  nextAtMs(): number | undefined {
    const atMs = this.#options.deliveries.nextDueMs();
    // What is due but has no place yet begins when another ends: the alarm is for an object that has lost it all.
    return atMs === undefined
      ? undefined
      : Math.max(atMs, this.#underWay.size === 0 ? 0 : this.#options.now() + 30_000);
  }

  machinesChanged(): void {
    this.#hurry(NOBODY_THERE);
  }

  turnEnded(): void {
    this.#turnsEnded++;
    this.#hurry(["session_busy"]);
  }

  /** What was put off for one of these is tried now. */
  #hurry(codes: readonly string[]): void {
    if (!this.#waits) return;
    const { deliveries, now } = this.#options;
    for (const code of codes) deliveries.hurry(code, now());
    this.#waits = deliveries.isAnyPutOff();
    this.tick();
  }

  #begin(id: string, hookId: string): void {
    const { hooks, deliveries, now } = this.#options;
    const hook = hooks.find(hookId);
    if (hook === undefined) return deliveries.removeOf(hookId);
    // One conversation is told one thing at a time, in order.
    const most = hook.target.kind === "session" ? 1 : HOOK_LIMITS.atOnce;
    const own = [...this.#underWay.values()].filter((other) => other === hookId).length;
    if (own >= most || this.#underWay.size >= HOOK_LIMITS.atOnceOfHousehold) return;
    const begun = deliveries.begin(id, now() + HOOK_LIMITS.leaseMs);
    this.#underWay.set(id, hookId);
    const ended = this.#turnsEnded;
    workOn(hook, begun, this.#options.ports)
      .catch((error: unknown): WorkEnd => {
        console.error(`hooks: ${id} could not be worked on:`, error);
        return { ok: false, failure: failureOf(error), callId: null };
      })
      .then((end) => this.#settle(hook, begun, end, this.#turnsEnded !== ended))
      .catch((error: unknown) => console.error(`hooks: the end of ${id} could not be written down:`, error));
  }

  /** @param isFree whether a turn has ended since its work began */
  #settle(hook: Hook, { id, receivedAtMs }: HookDelivery, end: WorkEnd, isFree: boolean): void {
    const { deliveries, onEnds, now } = this.#options;
    this.#underWay.delete(id);
    const nowMs = now();
    if (end.ok) deliveries.done(id, end, nowMs);
    else if (end.hookEnds !== undefined) {
      deliveries.fail(id, end.failure, end.callId, nowMs);
      onEnds(hook, end.hookEnds);
    } else if (LATER.has(end.failure.code) && nowMs - receivedAtMs < HOOK_LIMITS.giveUpMs) {
      const isBusy = end.failure.code === "session_busy";
      const dueAtMs = nowMs + (isBusy && isFree ? 0 : this.#pauseMs(id, end.failure.code));
      deliveries.postpone(id, end.failure, end.callId, dueAtMs);
      // The others would find it busy as well.
      if (isBusy) deliveries.postponeOthers(hook.id, end.failure, dueAtMs);
      this.#waits = true;
    } else deliveries.fail(id, end.failure, end.callId, nowMs);
    this.#waiters.get(id)?.(deliveries.find(id));
    this.#waiters.delete(id);
    this.tick();
  }

  #pauseMs(id: string, code: string): number {
    if (code === "session_busy" || code === "session_full") return HOOK_LIMITS.busyMs;
    const tries = this.#options.deliveries.tries(id);
    const { pausesMs } = HOOK_LIMITS;
    return pausesMs[Math.min(tries, pausesMs.length) - 1] ?? pausesMs[0];
  }
}

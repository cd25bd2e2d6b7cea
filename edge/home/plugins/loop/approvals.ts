import { PorchlightError } from "../../../../shared/errors.ts";
import { canonicalJson } from "../../../../shared/plugin/canonical.ts";
import { toHex } from "../../../../shared/plugin/hex.ts";
import { type Made, made } from "../../made.ts";
import type { ToolSource } from "../tool-box.ts";
import { type Approval, ApprovalTable, type Decision } from "./approval-table.ts";
import { LOOP_LIMITS } from "./limits.ts";

/** What the Worker may ask of it: see `approvalsOf`. */
export const APPROVAL_METHODS = ["list", "decide"] as const;
export type ApprovalMethod = (typeof APPROVAL_METHODS)[number];

const encoder = new TextEncoder();

/** What a person is asked to allow: this tool of this very package, with these arguments. Any other is another hash. */
export async function callHash(source: ToolSource, canonicalArguments: string): Promise<string> {
  const text = `porchlight call\n${canonicalJson(source)}\n${canonicalArguments}`;
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))));
}

/** Calls that wait for their person's word. An approval is for one call, is used by that call alone, and ends with its deadline. */
export class Approvals {
  readonly #table: ApprovalTable;
  readonly #now: () => number;
  readonly #onDue: (atMs: number) => void;
  readonly #waiting = new Map<string, (decision: Decision) => void>();

  constructor(options: { sql: SqlStorage; onDue?: (atMs: number) => void; now?: () => number }) {
    this.#table = new ApprovalTable(options.sql);
    this.#onDue = options.onDue ?? (() => undefined);
    this.#now = options.now ?? Date.now;
  }

  /** Those that wait for this person. */
  list(userId: string): Approval[] {
    return this.#table.waiting(userId).filter(({ deadlineMs }) => deadlineMs > this.#now());
  }

  /**
   * A person's word. Refused as `not_found`, also for those of others; `approval_changed` where the hash is not that of what waits;
   * `approval_over` where it was decided, or its time is over.
   */
  decide(userId: string, id: string, { decision, hash }: { decision: "allow" | "deny"; hash: string }): Made<Approval> {
    return made(() => {
      const approval = this.#table.find(id);
      if (approval?.userId !== userId) throw new PorchlightError("not_found", "There is no such approval.");
      if (approval.decision !== undefined || approval.deadlineMs <= this.#now())
        throw new PorchlightError("approval_over");
      if (approval.hash !== hash) throw new PorchlightError("approval_changed");
      if (!this.#settle(id, decision)) throw new PorchlightError("approval_over");
      return { ...approval, decision };
    });
  }

  /** The approval that a call waits for: the one there is, or a new one. Undefined where too many wait, or were asked or denied, already. */
  ask(
    call: Pick<Approval, "userId" | "run" | "round" | "callId" | "tool" | "source" | "arguments" | "hash" | "place">,
  ): (Approval & { isNew: boolean }) | undefined {
    const known = this.#table.ofCall(call.run, call.round, call.callId);
    if (known !== undefined) return { ...known, isNew: false };
    const createdAtMs = this.#now();
    this.#table.forgetBefore(createdAtMs - LOOP_LIMITS.approvalsKeptMs);
    const asked = this.#table.ofRun(call.run);
    const denied = asked.filter(({ decision }) => decision === "deny");
    if (asked.length >= LOOP_LIMITS.approvalsPerAnswer || denied.length >= LOOP_LIMITS.denialsPerAnswer)
      return undefined;
    if (this.list(call.userId).length >= LOOP_LIMITS.approvalsPerPerson) return undefined;
    const one = { ...call, id: crypto.randomUUID(), createdAtMs, deadlineMs: createdAtMs + LOOP_LIMITS.approvalMs };
    this.#table.add(one);
    this.#onDue(one.deadlineMs);
    return { ...one, decision: undefined, isNew: true };
  }

  /** Resolves with what becomes of it: at its deadline it is over. */
  async wait({ id, deadlineMs, decision }: Approval, signal: AbortSignal): Promise<Decision> {
    if (decision !== undefined) return decision;
    const told = Promise.withResolvers<Decision>();
    this.#waiting.set(id, told.resolve);
    const timer = setTimeout(() => this.#settle(id, "expired"), Math.max(0, deadlineMs - this.#now()));
    const gone = (): void => {
      this.#settle(id, "gone");
      told.resolve("gone");
    };
    if (signal.aborted) gone();
    signal.addEventListener("abort", gone, { once: true });
    try {
      return await told.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", gone);
      this.#waiting.delete(id);
    }
  }

  /** A run has ended: what waits for it waits no more. */
  over(run: string): void {
    this.#table.gone(run);
  }

  personGone(userId: string): void {
    this.#table.forgetPerson(userId);
  }

  #settle(id: string, decision: Decision): boolean {
    const isDecided = this.#table.decide(id, decision);
    if (isDecided) this.#waiting.get(id)?.(decision);
    return isDecided;
  }
}

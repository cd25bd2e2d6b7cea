import type { ErrorCode } from "../../../shared/errors.ts";
import { failoverStep } from "../dispatch/failover.ts";
import { RUN_LIMITS } from "./limits.ts";

/** What to do with a run whose stream failed. */
export type Recovery =
  /** The machine has it still, or comes back without it: wait for it; meanwhile another may take it after this time. */
  | { kind: "wait"; elsewhereAfterMs: number | undefined }
  /** Its machine lost it: the same may go on where it was. */
  | { kind: "again"; afterMs: number }
  | { kind: "elsewhere" }
  | { kind: "fail" };

export interface FailedFeed {
  code: ErrorCode;
  /** Whether the agent keeps runs whose stream is lost, and takes up those that it has lost itself. */
  keeps: boolean;
  /** Whether the stream was to bring lines that the agent no longer has. */
  isResumed: boolean;
  /** Whether something of the answer has come. */
  begun: boolean;
  /** Whether another machine may go on with one that has begun. */
  replay: boolean;
  attempts: number;
  fruitless: number;
}

/** An answer that has begun goes on where its model runs, so that it stays the same, unless it may change; one that has not goes anywhere. */
export function recoveryOf({ code, keeps, isResumed, begun, replay, attempts, fruitless }: FailedFeed): Recovery {
  if (attempts >= RUN_LIMITS.attempts || fruitless >= RUN_LIMITS.fruitless) return { kind: "fail" };
  if (isResumed && code === "not_found") return { kind: "again", afterMs: 0 };
  // A model that had answered and cannot be loaded for a moment was most likely stopped from outside while it came back.
  const isShaken = code === "engine_crashed" || (code === "model_load_failed" && attempts > 1);
  if (keeps && isShaken) return { kind: "again", afterMs: RUN_LIMITS.againMs * 2 ** fruitless };
  const step = failoverStep({ code, attempts, begun, replay });
  if (code === "agent_disconnected" && keeps) {
    return { kind: "wait", elsewhereAfterMs: step.kind === "elsewhere" ? step.afterMs : undefined };
  }
  return step.kind === "elsewhere" ? { kind: "elsewhere" } : { kind: "fail" };
}

import type { ErrorCode } from "../../../shared/errors.ts";
import type { ModelInfo } from "../../../shared/inference/model.ts";

/** Machines that one request is given to, the first included. */
const MOST_ATTEMPTS = 3;
/** How long a request whose answer has begun waits for its machine, which mostly comes back within a second or two and goes on. */
const BEGUN_GRACE_MS = 5_000;

/** What another machine may do better: the fault is of the one that was asked, or it has no room. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  "agent_disconnected",
  "agent_offline",
  "overloaded",
  "timeout",
  "internal",
  "engine_crashed",
  "answer_unreadable",
  "model_load_failed",
  "model_not_found",
]);

/** A request under way whose machine failed it. */
export interface Failed {
  /** What went wrong: the error of the agent, or `agent_disconnected` when its tunnel is gone. */
  code: ErrorCode;
  /** Machines it was given to so far, this one included. */
  attempts: number;
  /** Whether something of the answer has reached the log. */
  begun: boolean;
  /** Whether it may be taken up by another machine after that. */
  replay: boolean;
}

export type FailoverStep =
  /** Give it to another machine after this time, unless its own has taken it up again; where there is none, its own is waited for. */
  | { kind: "elsewhere"; afterMs: number }
  /** Only its own machine can go on: wait for it as long as one waits for machines. */
  | { kind: "wait" }
  | { kind: "fail" };

/**
 * What to do with a request that its machine failed. Before the answer has begun another machine takes it at once, and nobody notices;
 * after that only where its caller or household allows it, for another machine may compute in another precision. Bounded in number.
 */
export function failoverStep({ code, attempts, begun, replay }: Failed): FailoverStep {
  if (!ELSEWHERE.has(code)) return { kind: "fail" };
  const isLost = code === "agent_disconnected";
  if (attempts >= MOST_ATTEMPTS || (begun && !replay)) return { kind: isLost ? "wait" : "fail" };
  return { kind: "elsewhere", afterMs: begun && isLost ? BEGUN_GRACE_MS : 0 };
}

/** Whether a model is the same on two machines, as far as tokens go: what one has said, the other can go on from. */
export function canGoOn(from: ModelInfo, to: ModelInfo): boolean {
  return from.name === to.name && from.architecture === to.architecture && from.parameters === to.parameters;
}

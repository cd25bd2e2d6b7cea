import { ENGINE_ERROR, OWN_MODEL } from "../agent/script.ts";
import type { Outcome } from "../client/client.ts";
import type { JobOutcome } from "../client/job-client.ts";
import { Violation } from "../kernel/kernel.ts";
import { TROUBLES } from "../plan.ts";
import type { World } from "../world.ts";

/** A client that takes nothing for a minute is let go (relay.ts): one with pauses as long as this may be, as a piece holds many events. */
const SLOW_MS = 2_000;

/** Errors that trouble may bring: the machine could not be reached, or was lost. */
const BY_TROUBLE: readonly string[] = ["agent_offline", "agent_disconnected", "overloaded", "edge_restarting"];

/** Every answer came to an end that it may come to. Throws a Violation. */
export function checkEndings(world: World): void {
  const { plan } = world;
  // Whatever befalls it, an answer never ends with a code that says nothing.
  const puzzling = [
    ...world.outcomes,
    ...world.embeddings.map(({ requestId, ended }) => ({ requestId, errorCode: ended })),
  ];
  for (const { requestId, errorCode } of puzzling) {
    if (errorCode === "internal") throw new Violation(`${requestId} ended with internal`);
  }
  if (plan.hostile) return;
  // A machine whose engine fails so often that it is given no more is trouble, too, and so is one that falls asleep with work in hand.
  const fails = world.outcomes.some(({ script }) => script.failsAt !== undefined);
  const isCalm = !fails && !plan.sleeps && TROUBLES.every((trouble) => plan.every[trouble] === 0);
  for (const outcome of world.outcomes) {
    if (outcome.ended !== "error" || mayFail(outcome, isCalm)) continue;
    throw new Violation(`${outcome.requestId} ended with ${outcome.errorCode}`);
  }
  for (const job of world.jobs) if (job.state !== "queued") checkJob(job, isCalm);
  for (const { requestId, ended = "nothing" } of world.embeddings) {
    if (ended !== "done" && (isCalm || !BY_TROUBLE.includes(ended))) {
      throw new Violation(`${requestId} ended with ${ended}`);
    }
  }
}

/** Whether nothing more can come of a job, or it waits for tomorrow's limits. */
export function isSettled({ state, caller }: JobOutcome): boolean {
  const { tokensPerDay, nodeSecondsPerDay } = caller.limits;
  const waits = state === "queued" && (tokensPerDay !== null || nodeSecondsPerDay !== null);
  return waits || !["asking", "queued", "running"].includes(state);
}

function checkJob({ script, state, hasCancelled, model }: JobOutcome, isCalm: boolean): void {
  const isFine =
    state === "completed" ||
    state === "expired" ||
    // Its one machine has not been here yet, or was shut out.
    (state === "refused" && model === OWN_MODEL) ||
    (state === "cancelled" && hasCancelled) ||
    (state === "failed" && script.failsAt !== undefined) ||
    (!isCalm && (state === "failed" || state === "cancelled" || state === "unknown"));
  if (!isFine) throw new Violation(`the job ${script.id} is ${state}`);
}

function mayFail({ errorCode = "", script, manner, caller, hasStopped }: Outcome, isCalm: boolean): boolean {
  if (errorCode === ENGINE_ERROR) return script.failsAt !== undefined;
  // What was stopped is forgotten: who comes back to it finds nothing.
  if (errorCode === "cancelled" || errorCode === "not_found")
    return hasStopped || (errorCode === "not_found" && !isCalm);
  if (errorCode === "timeout") return manner.pauseChance > 0 && manner.pauseMs > SLOW_MS;
  const isLimited = Object.values(caller.limits).some((limit) => limit !== null);
  if (errorCode === "rate_limit_exceeded") return isLimited;
  if (errorCode === "invalid_api_key") return isLimited && !isCalm;
  return !isCalm && BY_TROUBLE.includes(errorCode);
}

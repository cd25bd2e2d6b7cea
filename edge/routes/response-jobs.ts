import type { Context } from "hono";
import type { JobOutcome, ResponseJobs } from "../../shared/api/openai/responses/background.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import { sleep } from "../../shared/sleep.ts";
import type { AppEnv } from "../env.ts";
import { accountBackend } from "../home/account-backend.ts";
import { queueRequest } from "../home/jobs/start-job.ts";
import { jobsOf } from "../home/jobs/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { viewerOf } from "./jobs-schema.ts";

/** Between the looks at a job that waits, at first and at most: a job may wait for days, and each look is a call. */
const LOOK_AGAIN_MS = 200;
const LOOK_AGAIN_MAX_MS = 5_000;

/** `background: true` of the Responses API: a job of the household's queue. */
export const responseJobs: ResponseJobs<AppEnv> = {
  start: async (c, request) => (await queueRequest(c.env, accountOf(c), request, {})).id,
  look,
  cancel: async (c, id) => {
    const account = accountOf(c);
    await jobsOf(c.env, account.id).cancel(id, viewerOf(account));
  },
  follow,
};

async function look(c: Context<AppEnv>, id: string): Promise<JobOutcome | undefined> {
  const account = accountOf(c);
  const found = await jobsOf(c.env, account.id).job(id, viewerOf(account));
  if (found === undefined) return undefined;
  const { state, error } = found.job;
  if (state === "queued" || state === "running" || state === "cancelled") return { state };
  if (state === "completed") return { state, events: found.events };
  const late = new PorchlightError("timeout", "No machine answered before the job's deadline.");
  return {
    state: "failed",
    error: state === "expired" ? late.toWire() : (error ?? new PorchlightError("internal").toWire()),
  };
}

/**
 * What an attempt has said cannot be taken back: where it fails after its first words and the job is tried again, the stream ends, and
 * the client asks for what comes behind its last event.
 */
async function* follow(c: Context<AppEnv>, id: string, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
  const account = accountOf(c);
  for (let waitMs = LOOK_AGAIN_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MAX_MS)) {
    const outcome = await look(c, id);
    if (outcome?.state === "completed") {
      yield* outcome.events;
      return;
    }
    if (outcome?.state !== "queued" && outcome?.state !== "running") {
      yield { type: "error", error: endOf(outcome) };
      return;
    }
    const runId = await jobsOf(c.env, account.id).attempt(id, viewerOf(account));
    if (runId !== undefined) {
      let hasBegun = false;
      for await (const event of attemptOf(c, runId, signal)) {
        hasBegun ||= event.type !== "error";
        if (event.type === "error" && hasBegun) throw new PorchlightError("agent_disconnected");
        if (event.type === "error") break;
        yield event;
        if (event.type === "finish") return;
      }
    }
    await sleep(waitMs, signal);
  }
}

/** A run as it comes; one that is no longer there has nothing to say. */
async function* attemptOf(c: Context<AppEnv>, runId: string, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
  const run = await accountBackend(c)
    .answers?.resume(runId, signal)
    .catch(() => undefined);
  if (run !== undefined) yield* run.events;
}

function endOf(outcome: Exclude<JobOutcome, { state: "completed" }> | undefined) {
  if (outcome?.state === "failed") return outcome.error;
  return new PorchlightError(outcome === undefined ? "resume_expired" : "cancelled").toWire();
}

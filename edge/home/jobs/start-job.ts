import type { ChatRequest } from "../../../shared/api/openai/chat-request-schema.ts";
import { toGenerateRequest } from "../../../shared/api/openai/chat-request.ts";
import { unknownModel } from "../../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import type { GenerateRequest, Priority } from "../../../shared/inference/request.ts";
import { allowsModel } from "../../credentials/key-grant.ts";
import type { Account, EdgeBindings } from "../../env.ts";
import { callerOf } from "../account-backend.ts";
import { takeMade } from "../made.ts";
import type { JobView } from "./desk.ts";
import { JOB_LIMITS } from "./limits.ts";
import { queuedRequest, usualPriority } from "./queued-request.ts";
import { jobsOf } from "./remote-desk.ts";

const RANKS: Record<Priority, number> = { low: 0, normal: 1, high: 2 };

export interface JobOptions {
  priority?: Priority | undefined;
  deadlineMs?: number;
}

/** Puts a chat request into the household's queue. Throws PorchlightError. */
export async function startJob(
  env: EdgeBindings,
  account: Account,
  body: ChatRequest,
  options: JobOptions,
): Promise<JobView> {
  return await queueRequest(env, account, toGenerateRequest(body), options);
}

/** Puts a request of whatever dialect into the household's queue. Throws PorchlightError. */
export async function queueRequest(
  env: EdgeBindings,
  account: Account,
  request: GenerateRequest,
  { priority, deadlineMs = JOB_LIMITS.deadlineMs }: JobOptions,
): Promise<JobView> {
  const { key } = account;
  if (!allowsModel(key?.models ?? null, request.model)) throw unknownModel(request.model);
  const granted = key?.priority ?? "high";
  if (priority !== undefined && RANKS[priority] > RANKS[granted]) {
    const sentence = `This key's jobs may have the priority '${granted}' at most.`;
    throw new PorchlightError("invalid_request", sentence, { param: "priority" });
  }
  const job = queuedRequest(request, callerOf(account), priority ?? usualPriority(granted));
  return takeMade(await jobsOf(env, account.id).add({ userId: account.userId, deadlineMs, ...job }));
}

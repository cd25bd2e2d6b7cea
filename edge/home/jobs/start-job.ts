import type { ChatRequest } from "../../../shared/api/openai/chat-request-schema.ts";
import { toGenerateRequest } from "../../../shared/api/openai/chat-request.ts";
import { unknownModel } from "../../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import type { GenerateRequest, Priority } from "../../../shared/inference/request.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";
import { allowsModel } from "../../credentials/key-grant.ts";
import type { Account, EdgeBindings } from "../../env.ts";
import { callerOf } from "../account-backend.ts";
import { takeMade } from "../made.ts";
import { resumable } from "../runs/resumable.ts";
import type { JobView } from "./desk.ts";
import { JOB_LIMITS } from "./limits.ts";
import { jobsOf } from "./remote-desk.ts";

const RANKS: Record<Priority, number> = { low: 0, normal: 1, high: 2 };
/** On the machine a job never outranks somebody who waits for an answer: it goes one step lower than among jobs. */
const ON_MACHINE: Record<Priority, Priority> = { low: "low", normal: "low", high: "normal" };

/** Puts a chat request into the household's queue. Throws PorchlightError. */
export async function startJob(
  env: EdgeBindings,
  account: Account,
  body: ChatRequest,
  { priority, deadlineMs = JOB_LIMITS.deadlineMs }: { priority?: Priority | undefined; deadlineMs?: number },
): Promise<JobView> {
  const { key } = account;
  if (!allowsModel(key?.models ?? null, body.model)) throw unknownModel(body.model);
  const granted = key?.priority ?? "high";
  if (priority !== undefined && RANKS[priority] > RANKS[granted]) {
    const sentence = `This key's jobs may have the priority '${granted}' at most.`;
    throw new PorchlightError("invalid_request", sentence, { param: "priority" });
  }
  const chosen = priority ?? (granted === "low" ? "low" : "normal");
  const caller = callerOf(account);
  const asked = resumable(toGenerateRequest(body));
  const request: GenerateRequest = { ...asked, caller: caller.id, priority: ON_MACHINE[chosen] };
  const bytes = encodeJson(request);
  if (bytes.length > PROTOCOL_LIMITS.requestBytes) throw new PorchlightError("body_too_large");
  const answer = await jobsOf(env, account.id).add({
    userId: account.userId,
    caller,
    model: request.model,
    priority: chosen,
    deadlineMs,
    title: titleOf(request),
    maxTokens: request.maxTokens,
    body: bytes,
  });
  return takeMade(answer);
}

/** How the last question begins, in one line. */
function titleOf({ messages }: GenerateRequest): string {
  const question = messages.findLast(({ role }) => role === "user") ?? messages.at(-1);
  const line = (question?.content ?? "")
    .slice(0, 4 * JOB_LIMITS.titleCharacters)
    .replaceAll(/\s+/g, " ")
    .trim();
  return line
    .slice(0, JOB_LIMITS.titleCharacters)
    .replace(/[\uD800-\uDBFF]$/, "")
    .toWellFormed();
}

import { PorchlightError } from "../../../shared/errors.ts";
import type { GenerateRequest, Priority } from "../../../shared/inference/request.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import { resumable } from "../runs/resumable.ts";
import type { NewJob } from "./job.ts";
import { JOB_LIMITS } from "./limits.ts";

/** On the machine a job never outranks somebody who waits for an answer: it goes one step lower than among jobs. */
const ON_MACHINE: Record<Priority, Priority> = { low: "low", normal: "low", high: "normal" };

/** What of a job its request says. Throws `body_too_large`. */
export function queuedRequest(
  asked: GenerateRequest,
  caller: Caller,
  priority: Priority,
): Pick<NewJob, "caller" | "model" | "priority" | "title" | "maxTokens" | "body"> {
  if (asked.plugins !== undefined) {
    const sentence = "Unsupported value for 'tools': plugins are not called for what waits in the queue.";
    throw new PorchlightError("unsupported_parameter", sentence, { param: "tools" });
  }
  const request: GenerateRequest = { ...resumable(asked), caller: caller.id, priority: ON_MACHINE[priority] };
  const body = encodeJson(request);
  if (body.length > PROTOCOL_LIMITS.requestBytes) throw new PorchlightError("body_too_large");
  const { model, maxTokens } = request;
  return { caller, model, priority, title: titleOf(request), maxTokens, body };
}

/** The priority of a job that nobody gave one, by what its caller may have at most. */
export function usualPriority(granted: Priority): Priority {
  return granted === "low" ? "low" : "normal";
}

/** How the last question begins, in one line. */
function titleOf({ messages }: GenerateRequest): string {
  const question = messages.findLast(({ role }) => role === "user") ?? messages.at(-1);
  return firstLine(question?.content ?? "", JOB_LIMITS.titleCharacters);
}

/** The beginning of a text as one line of at most so many characters. */
export function firstLine(text: string, characters: number): string {
  const line = text
    .slice(0, 4 * characters)
    .replaceAll(/\s+/g, " ")
    .trim();
  return line
    .slice(0, characters)
    .replace(/[\uD800-\uDBFF]$/, "")
    .toWellFormed();
}

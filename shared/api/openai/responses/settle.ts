import type { WireError } from "../../../errors.ts";
import type { GenerateEvent } from "../../../inference/event.ts";
import { PorchlightError } from "../../../errors.ts";
import type { JobOutcome } from "./background.ts";
import { ResponseEncoder } from "./encoder.ts";
import { type ResponseBody, unanswered } from "./response.ts";

const LOST = new PorchlightError("resume_expired", "The answer is no longer kept.").toWire();

/** A response as its job has it; undefined: the job is forgotten. */
export function settled(response: ResponseBody, outcome: JobOutcome | undefined): ResponseBody {
  if (outcome === undefined) return failed(response, LOST);
  if (outcome.state === "completed") return answered(response, outcome.events);
  if (outcome.state === "failed") return failed(response, outcome.error);
  return { ...response, status: outcome.state === "running" ? "in_progress" : outcome.state, error: null };
}

/** A response with these events as its answer. */
export function answered(response: ResponseBody, events: Iterable<GenerateEvent>): ResponseBody {
  const encoder = new ResponseEncoder(unanswered(response));
  for (const event of events) {
    if (event.type === "error") return failed(response, event.error);
    encoder.encode(event);
  }
  return encoder.response;
}

export function failed(response: ResponseBody, { code, message }: WireError): ResponseBody {
  return { ...response, status: "failed", error: { code, message } };
}

import type { Context, Env } from "hono";
import type { WireError } from "../../../errors.ts";
import type { GenerateEvent } from "../../../inference/event.ts";
import type { GenerateRequest } from "../../../inference/request.ts";

/** How a job stands. */
export type JobOutcome =
  | { state: "queued" | "running" | "cancelled" }
  | { state: "completed"; events: GenerateEvent[] }
  | { state: "failed"; error: WireError };

/** A queue for answers that nobody waits for: what `background: true` needs. Jobs are the caller's own. */
export interface ResponseJobs<E extends Env> {
  /** Puts a request into the queue. Returns the job's id. Throws PorchlightError. */
  start(c: Context<E>, request: GenerateRequest): Promise<string>;
  /** Undefined where there is no such job. */
  look(c: Context<E>, id: string): Promise<JobOutcome | undefined>;
  /** Ends it; one that has ended stays as it is. */
  cancel(c: Context<E>, id: string): Promise<void>;
  /** Its answer from the start, as it came and comes, once it runs; an `error` event where it ended without. Waits as long as it does. */
  follow(c: Context<E>, id: string, signal: AbortSignal): AsyncIterable<GenerateEvent>;
}

import type { Context, Env } from "hono";
import type { z } from "@hono/zod-openapi";
import { PorchlightError } from "../../errors.ts";
import type { ChatRequest } from "./chat-request-schema.ts";

/** A queue for requests that may wait: what `background: true` needs. */
export interface BackgroundJobs<E extends Env> {
  /** A job as the queue's own routes show it. */
  schema: z.ZodType;
  /** Puts a request into the queue. Throws PorchlightError. */
  start(c: Context<E>, body: ChatRequest): Promise<{ job: object; location: string }>;
}

/** Answers a request with the job that it became. Throws `unsupported_parameter` where there is no queue. */
export async function answerWithJob<E extends Env>(
  c: Context<E>,
  body: ChatRequest,
  jobs: BackgroundJobs<E> | undefined,
): Promise<Response> {
  if (jobs === undefined) {
    const sentence =
      "Unsupported value for 'background': requests wait in the edge's queue; a machine's own API has none.";
    throw new PorchlightError("unsupported_parameter", sentence, { param: "background" });
  }
  const { job, location } = await jobs.start(c, body);
  c.header("location", location);
  return c.json(job, 202);
}

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { PorchlightError } from "../../../errors.ts";
import type { InferenceBackend } from "../../../inference/backend.ts";
import type { GenerateEvent } from "../../../inference/event.ts";
import { orAborted } from "../../abort.ts";
import { errorResponses, jsonContent, registerRoute } from "../../document.ts";
import { SSE_HEADERS } from "../../sse.ts";
import { parseWith } from "../../validation.ts";
import type { KeptRecords } from "../kept/records.ts";
import { listSchema, pageOf, pageQuerySchema } from "../kept/page.ts";
import { eventsOf } from "./again.ts";
import type { ResponseJobs } from "./background.ts";
import { ResponseEncoder } from "./encoder.ts";
import { inputItemSchema } from "./input-schema.ts";
import { hasEnded, responseSchema, unanswered } from "./response.ts";
import { settled } from "./settle.ts";
import { findResponse, keepResponse, type StoredResponse } from "./stored.ts";
import { responseStream } from "./stream.ts";

const params = z.object({ id: z.string().max(128) });
const querySchema = z.object({
  stream: z.enum(["true", "false"]).optional(),
  starting_after: z.coerce.number().int().nonnegative().optional().openapi({
    description: "The `sequence_number` of the last event that the client has.",
  }),
});
const refusals = errorResponses("invalid_api_key", "not_found");

const retrieveRoute = createRoute({
  method: "get",
  path: "/v1/responses/{id}",
  operationId: "retrieveResponse",
  tags: ["Responses"],
  summary: "Give an answer again, or go on with its stream",
  description:
    "With `stream` its events come again, from behind `starting_after`; those of an answer that is being made as they come.",
  request: { params, query: querySchema },
  responses: { 200: { description: "The answer as it stands.", content: jsonContent(responseSchema) }, ...refusals },
});
const itemsRoute = createRoute({
  method: "get",
  path: "/v1/responses/{id}/input_items",
  operationId: "listResponseInputItems",
  tags: ["Responses"],
  summary: "What was said to get an answer",
  description: "Without what `previous_response_id` or `conversation` had put before it.",
  request: { params, query: pageQuerySchema },
  responses: { 200: { description: "The items.", content: jsonContent(listSchema(inputItemSchema)) }, ...refusals },
});
const deleteRoute = createRoute({
  method: "delete",
  path: "/v1/responses/{id}",
  operationId: "deleteResponse",
  tags: ["Responses"],
  summary: "Forget an answer",
  description: "One that is waited for is cancelled. What was added to a conversation stays there.",
  request: { params },
  responses: {
    200: { description: "It is forgotten.", content: jsonContent(z.looseObject({ id: z.string() })) },
    ...refusals,
  },
});
const cancelRoute = createRoute({
  method: "post",
  path: "/v1/responses/{id}/cancel",
  operationId: "cancelResponse",
  tags: ["Responses"],
  summary: "Stop an answer",
  description: "One that has ended stays as it is.",
  request: { params },
  responses: { 200: { description: "The response as it is now.", content: jsonContent(responseSchema) }, ...refusals },
});

/** What an answer that is kept can be asked for, at `/v1/responses/{id}`. */
export function mountStoredResponses<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
  records: (c: Context<E>) => KeptRecords,
  jobs: ResponseJobs<E> | undefined,
): void {
  /** As it stands now. */
  const refreshed = async (c: Context<E>, id: string): Promise<StoredResponse> => {
    const stored = await findResponse(records(c), id);
    if (stored.job === undefined || jobs === undefined || hasEnded(stored.response)) return stored;
    const now = { ...stored, response: settled(stored.response, await jobs.look(c, stored.job)) };
    if (hasEnded(now.response)) await keepResponse(records(c), now);
    return now;
  };
  const eventsFor = async (
    c: Context<E>,
    { response, job }: StoredResponse,
    signal: AbortSignal,
  ): Promise<AsyncIterable<GenerateEvent>> => {
    if (hasEnded(response)) return again(response);
    if (job !== undefined && jobs !== undefined) return jobs.follow(c, job, signal);
    const { answers } = backend(c);
    if (answers === undefined) throw new PorchlightError("resume_expired");
    return (await answers.resume(response.id, signal)).events;
  };

  registerRoute(app, retrieveRoute);
  app.get("/v1/responses/:id", async (c) => {
    const query = parseWith(querySchema, c.req.query());
    const stored = await refreshed(c, c.req.param("id"));
    const isWaiting = stored.job !== undefined && !hasEnded(stored.response);
    if (query.stream !== "true" && (hasEnded(stored.response) || isWaiting)) return c.json(stored.response, 200);
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const encoder = new ResponseEncoder(unanswered(stored.response), query.starting_after);
    const keep = async (): Promise<void> => {
      if (!hasEnded(stored.response)) await keepResponse(records(c), { ...stored, response: encoder.response });
    };
    const events = await eventsFor(c, stored, signal);
    if (query.stream === "true") return c.body(responseStream(events, { encoder, keep, left }), 200, SSE_HEADERS);
    const response = await orAborted(encoder.collect(events), signal);
    await keep();
    return c.json(response, 200);
  });

  registerRoute(app, itemsRoute);
  app.get("/v1/responses/:id/input_items", async (c) => {
    const query = parseWith(pageQuerySchema, c.req.query());
    const { input } = await findResponse(records(c), c.req.param("id"));
    return c.json(pageOf(input, query), 200);
  });

  registerRoute(app, cancelRoute);
  app.post("/v1/responses/:id/cancel", async (c) => {
    const stored = await refreshed(c, c.req.param("id"));
    if (hasEnded(stored.response)) return c.json(stored.response, 200);
    await stop(c, stored);
    const { response } = stored.job === undefined ? stored : await refreshed(c, stored.response.id);
    const cancelled = hasEnded(response) ? response : { ...response, status: "cancelled" as const };
    await keepResponse(records(c), { ...stored, response: cancelled });
    return c.json(cancelled, 200);
  });
  const stop = async (c: Context<E>, { response, job }: StoredResponse): Promise<void> => {
    if (job !== undefined) await jobs?.cancel(c, job);
    else await backend(c).answers?.cancel(response.id);
  };

  registerRoute(app, deleteRoute);
  app.delete("/v1/responses/:id", async (c) => {
    const stored = await findResponse(records(c), c.req.param("id"));
    const { id } = stored.response;
    if (!hasEnded(stored.response) && stored.job !== undefined) await jobs?.cancel(c, stored.job);
    await records(c).delete(id);
    return c.json({ id, object: "response" as const, deleted: true }, 200);
  });
}

/** What was answered, once more. */
async function* again(response: StoredResponse["response"]): AsyncGenerator<GenerateEvent> {
  const { status, error } = response;
  if (error !== null) yield { type: "error", error };
  else if (status === "cancelled") yield { type: "error", error: new PorchlightError("cancelled").toWire() };
  else yield* eventsOf(response);
}

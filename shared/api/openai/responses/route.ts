import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { PorchlightError } from "../../../errors.ts";
import type { AnswerHandle, InferenceBackend } from "../../../inference/backend.ts";
import type { GenerateRequest } from "../../../inference/request.ts";
import { orAborted } from "../../abort.ts";
import { errorResponses, jsonBody, registerRoute } from "../../document.ts";
import { awaitFirstEvent } from "../../first-event.ts";
import { readJsonBody } from "../../json-body.ts";
import { API_LIMITS } from "../../limits.ts";
import { SSE_HEADERS } from "../../sse.ts";
import { named } from "../conversations/items.ts";
import type { KeptRecords } from "../kept/records.ts";
import { requirePluginCalls } from "../plugin-tool.ts";
import { KEEP_HEADER } from "../keep-header.ts";
import type { ResponseJobs } from "./background.ts";
import { contextOf, keepsResponse } from "./context.ts";
import { ResponseEncoder } from "./encoder.ts";
import { itemsOf, toGenerateRequest } from "./request.ts";
import { type ResponsesRequest, responsesRequestSchema } from "./request-schema.ts";
import { begunResponse, responseSchema } from "./response.ts";
import { keepResponse, type StoredResponse } from "./stored.ts";
import { mountStoredResponses } from "./stored-routes.ts";
import { responseStream } from "./stream.ts";
import { generateTruncated } from "./truncation.ts";

const createResponseRoute = createRoute({
  method: "post",
  path: "/v1/responses",
  operationId: "createResponse",
  tags: ["Responses"],
  summary: "Answer a conversation, as OpenAI's newer clients ask for it",
  description:
    "With `stream` the answer comes as server-sent events; an error after the first of them is an `error` event. Answers are kept for " +
    "whoever asked (30 days; on the machine's own API an hour), unless `store` is false. An answer whose client leaves is stopped, but " +
    "one in the background and one with the header `porchlight-keep: yes`.",
  request: { body: jsonBody(responsesRequestSchema) },
  responses: {
    200: {
      description: "The answer; with `background` what will be it.",
      content: {
        "application/json": { schema: responseSchema },
        "text/event-stream": {
          schema: z.looseObject({ type: z.string(), sequence_number: z.number().int() }).openapi("ResponseStreamEvent"),
        },
      },
    },
    ...errorResponses("invalid_request", "invalid_api_key", "model_not_found", "body_too_large", "agent_offline"),
  },
});

/** What the Responses API needs beside what answers. */
export interface ResponsesOptions<E extends Env> {
  /** Where a caller's conversations are kept; absent: nowhere, and what needs that is refused by name. */
  records?: ((c: Context<E>) => KeptRecords) | undefined;
  /** Takes what may wait; absent: it is refused by name. */
  jobs?: ResponseJobs<E> | undefined;
}

/** `POST /v1/responses`, and where answers are kept all that is at `/v1/responses/{id}`. */
export function mountResponses<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
  { records, jobs }: ResponsesOptions<E>,
): void {
  registerRoute(app, createResponseRoute);
  app.post(createResponseRoute.path, async (c) => {
    const body = await readJsonBody(c.req.raw, responsesRequestSchema);
    const shelf = records?.(c);
    const { before, conversation } = await contextOf(body, shelf);
    const store = keepsResponse(body, shelf);
    const request = toGenerateRequest(body, before);
    const response = begunResponse(body, { store, conversation });
    const stored: StoredResponse = { response, before, input: named(itemsOf(body)) };
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const encoder = new ResponseEncoder(response);
    const keep = async (): Promise<void> => {
      if (store && shelf) await keepResponse(shelf, stored);
    };
    if (body.background === true) {
      if (jobs === undefined || shelf === undefined) throw noQueue();
      stored.job = await jobs.start(c, request);
      await keep();
      if (body.stream !== true) return c.json(response, 200);
      const events = jobs.follow(c, stored.job, signal);
      return c.body(responseStream(events, { encoder, keep, left }), 200, SSE_HEADERS);
    }
    const inference = backend(c);
    requirePluginCalls(request, inference);
    const isResumable = body.stream === true && store && body.truncation !== "auto" && inference.answers !== undefined;
    const handle = isResumable ? { id: response.id, note: "", kept: c.req.header(KEEP_HEADER) === "yes" } : undefined;
    const generation = generationOf(inference, body, { request, signal, handle });
    if (body.stream !== true) {
      const answered = await orAborted(encoder.collect(generation), signal);
      await keep();
      return c.json(answered, 200);
    }
    const begun = awaitFirstEvent(generation, { waitMs: API_LIMITS.headersAfterMs, signal });
    // Its client may come back for it as soon as it knows its name.
    const [events] = await Promise.all([begun, isResumable ? keep() : undefined]);
    return c.body(responseStream(events, { encoder, keep, left }), 200, SSE_HEADERS);
  });
  if (records) mountStoredResponses(app, backend, records, jobs);
}

function generationOf(
  inference: InferenceBackend,
  { truncation }: ResponsesRequest,
  { request, signal, handle }: { request: GenerateRequest; signal: AbortSignal; handle: AnswerHandle | undefined },
) {
  if (truncation !== "auto") return inference.generate(request, signal, handle);
  return generateTruncated((shorter) => inference.generate(shorter, signal), request);
}

function noQueue(): PorchlightError {
  const sentence =
    "Unsupported value for 'background': requests wait in the edge's queue; a machine's own API has none.";
  return new PorchlightError("unsupported_parameter", sentence, { param: "background" });
}

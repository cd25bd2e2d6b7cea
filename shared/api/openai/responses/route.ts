import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { PorchlightError } from "../../../errors.ts";
import type { InferenceBackend } from "../../../inference/backend.ts";
import { orAborted } from "../../abort.ts";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../document.ts";
import { awaitFirstEvent } from "../../first-event.ts";
import { readJsonBody } from "../../json-body.ts";
import { API_LIMITS } from "../../limits.ts";
import { eventStream, SSE_HEADERS } from "../../sse.ts";
import { ResponseEncoder } from "./encoder.ts";
import { type InputItem, inputItemSchema } from "./input-schema.ts";
import { itemsOf, toGenerateRequest } from "./request.ts";
import { type ResponsesRequest, responsesRequestSchema } from "./request-schema.ts";
import { begunResponse, responseSchema } from "./response.ts";
import type { ResponseStore } from "./store.ts";

const createResponseRoute = createRoute({
  method: "post",
  path: "/v1/responses",
  operationId: "createResponse",
  tags: ["Responses"],
  summary: "Answer a conversation, as OpenAI's newer clients ask for it",
  description:
    "With `stream` the answer comes as server-sent events; an error after the first of them is an `error` event. The edge keeps no " +
    "conversations: send all of it in `input`. The machine's own API keeps what was answered for an hour, in memory.",
  request: { body: jsonBody(responsesRequestSchema) },
  responses: {
    200: {
      description: "The answer.",
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

const storedRoute = (method: "get" | "delete", operationId: string, summary: string) =>
  createRoute({
    method,
    path: "/v1/responses/{id}",
    operationId,
    tags: ["Responses"],
    summary,
    request: { params: z.object({ id: z.string().max(128) }) },
    responses: {
      200: { description: summary, content: jsonContent(z.looseObject({ id: z.string() })) },
      ...errorResponses("invalid_api_key", "not_found"),
    },
  });

/** `POST /v1/responses`; with a store, also `GET` and `DELETE /v1/responses/{id}`. */
export function mountResponses<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
  store?: ResponseStore,
): void {
  registerRoute(app, createResponseRoute);
  app.post(createResponseRoute.path, async (c) => {
    const body = await readJsonBody(c.req.raw, responsesRequestSchema);
    const before = itemsBefore(body, store);
    const request = toGenerateRequest(body, before);
    const keeps = keepsResponse(body, store);
    const encoder = new ResponseEncoder(begunResponse(body, keeps));
    const keep = (): void => {
      const { response } = encoder;
      if (keeps && response.status !== "in_progress") {
        const said = response.output.map((item) => inputItemSchema.parse(item));
        store?.put({ response, items: [...before, ...itemsOf(body), ...said] });
      }
    };
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const generation = backend(c).generate(request, signal);
    if (body.stream !== true) {
      const response = await orAborted(encoder.collect(generation), signal);
      keep();
      return c.json(response, 200);
    }
    const events = await awaitFirstEvent(generation, { waitMs: API_LIMITS.headersAfterMs, signal });
    const stream = eventStream(events, {
      encode: (event) => {
        const text = encoder.encode(event);
        if (event.type === "finish") keep();
        return text;
      },
      fail: (error) => encoder.fail(error),
      end: () => encoder.end(),
      keepAliveMs: API_LIMITS.keepAliveMs,
      onCancel: () => left.abort(),
    });
    return c.body(stream, 200, SSE_HEADERS);
  });
  if (store) mountStored(app, store);
}

function mountStored<E extends Env>(app: OpenAPIHono<E>, store: ResponseStore): void {
  registerRoute(app, storedRoute("get", "retrieveResponse", "Give an answer again"));
  app.get("/v1/responses/:id", (c) => {
    const stored = store.get(c.req.param("id"));
    if (!stored) throw unknownResponse("not_found");
    return c.json(stored.response, 200);
  });
  registerRoute(app, storedRoute("delete", "deleteResponse", "Forget an answer"));
  app.delete("/v1/responses/:id", (c) => {
    const id = c.req.param("id");
    if (!store.delete(id)) throw unknownResponse("not_found");
    return c.json({ id, object: "response" as const, deleted: true }, 200);
  });
}

/** The conversation that the request goes on with. */
function itemsBefore({ previous_response_id: id }: ResponsesRequest, store: ResponseStore | undefined): InputItem[] {
  if (!id) return [];
  if (store === undefined)
    throw refused("previous_response_id", "no conversations are kept here: send all of it in 'input'");
  const stored = store.get(id);
  if (!stored) throw unknownResponse("invalid_request");
  return stored.items;
}

function keepsResponse({ store: wanted }: ResponsesRequest, store: ResponseStore | undefined): boolean {
  if (wanted === true && store === undefined) throw refused("store", "no conversations are kept here");
  return wanted !== false && store !== undefined;
}

function refused(param: string, why: string): PorchlightError {
  return new PorchlightError("unsupported_parameter", `Unsupported value for '${param}': ${why}.`, { param });
}

function unknownResponse(code: "not_found" | "invalid_request"): PorchlightError {
  return new PorchlightError(
    code,
    "There is no such response: none was kept, or its hour is over. Send the conversation in 'input'.",
    {
      param: "previous_response_id",
    },
  );
}

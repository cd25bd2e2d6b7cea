import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { PorchlightError } from "../../errors.ts";
import type { InferenceBackend } from "../../inference/backend.ts";
import { orAborted } from "../abort.ts";
import { ANTHROPIC_VERSION } from "../dialect.ts";
import { errorResponsesIn, jsonBody, registerRoute } from "../document.ts";
import { awaitFirstEvent } from "../first-event.ts";
import { readJsonBody } from "../json-body.ts";
import { API_LIMITS } from "../limits.ts";
import { eventStream, SSE_HEADERS } from "../sse.ts";
import { anthropicErrorSchema } from "./errors.ts";
import {
  collectMessage,
  MessageEncoder,
  messageEventSchema,
  messageHead,
  messageSchema,
  PING,
} from "./message-response.ts";
import { toGenerateRequest } from "./messages-request.ts";
import { messagesRequestSchema } from "./messages-schema.ts";

const route = createRoute({
  method: "post",
  path: "/v1/messages",
  operationId: "createMessage",
  tags: ["Messages (Anthropic)"],
  summary: "Answer a conversation, as Anthropic's clients ask for it",
  description:
    "Anthropic's messages, answered by a model on a home machine. The key goes into `x-api-key` or `authorization`. With `stream` the " +
    "answer comes as server-sent events; an error after the first of them is an `error` event.",
  request: { body: jsonBody(messagesRequestSchema) },
  responses: {
    200: {
      description: "The answer.",
      content: {
        "application/json": { schema: messageSchema },
        "text/event-stream": { schema: messageEventSchema },
      },
    },
    ...errorResponsesIn(anthropicErrorSchema, [
      "invalid_request",
      "invalid_api_key",
      "model_not_found",
      "body_too_large",
      "agent_offline",
    ]),
  },
});

/** `POST /v1/messages`. */
export function mountMessages<E extends Env>(app: OpenAPIHono<E>, backend: (c: Context<E>) => InferenceBackend): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    requireVersion(c);
    const body = await readJsonBody(c.req.raw, messagesRequestSchema);
    const request = toGenerateRequest(body);
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const generation = backend(c).generate(request, signal);
    // The variable is there in every app: identifyRequest sets it, whatever the app's own variables are.
    const head = messageHead(request.model, (c as Context).get("requestId"));
    if (body.stream !== true) return c.json(await orAborted(collectMessage(head, generation), signal), 200);
    const encoder = new MessageEncoder(head);
    const events = await awaitFirstEvent(generation, {
      waitMs: API_LIMITS.headersAfterMs,
      signal,
      onProgress: (progress) => void encoder.encode(progress),
    });
    const stream = eventStream(events, {
      encode: (event) => encoder.encode(event),
      fail: (error) => encoder.fail(error),
      end: () => encoder.end(),
      keepAliveMs: API_LIMITS.keepAliveMs,
      keepAlive: PING,
      onCancel: () => left.abort(),
    });
    return c.body(stream, 200, SSE_HEADERS);
  });
}

/** Versions of Anthropic's API that mean the same here. The newer one took sampling away from its own models, not from ours. */
const VERSIONS: readonly string[] = ["2023-06-01", "2026-10-21"];

/** Throws `invalid_request` for any other version of Anthropic's API: the oldest streams otherwise, and later ones are not known. */
export function requireVersion(c: Context): void {
  const version = c.req.header(ANTHROPIC_VERSION);
  if (version === undefined || VERSIONS.includes(version)) return;
  throw new PorchlightError(
    "invalid_request",
    `${ANTHROPIC_VERSION}: '${version.slice(0, 64)}' is not a version that is spoken here. Send ${VERSIONS.join(" or ")}.`,
    { param: ANTHROPIC_VERSION },
  );
}

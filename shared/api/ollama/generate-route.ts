import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import type { InferenceBackend } from "../../inference/backend.ts";
import { countTokens } from "../../inference/count-tokens.ts";
import type { GenerateRequest } from "../../inference/request.ts";
import { orAborted } from "../abort.ts";
import { errorResponsesIn, jsonBody, registerRoute } from "../document.ts";
import { awaitFirstEvent } from "../first-event.ts";
import { readJsonBody } from "../json-body.ts";
import { API_LIMITS } from "../limits.ts";
import { eventStream } from "../sse.ts";
import {
  chatShape,
  generateShape,
  ollamaChatAnswerSchema,
  ollamaGenerateAnswerSchema,
  OllamaEncoder,
  type Shape,
} from "./answer.ts";
import { ollamaChatSchema, ollamaGenerateSchema, type OllamaChat, type OllamaGenerate } from "./chat-schema.ts";
import { ollamaErrorSchema } from "./errors.ts";
import { fromChat, fromGenerate, toLoadRequest } from "./request.ts";

export const NDJSON_HEADERS = {
  "content-type": "application/x-ndjson",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;

const TAGS = ["Ollama"];
const errors = errorResponsesIn(ollamaErrorSchema, [
  "invalid_request",
  "invalid_api_key",
  "model_not_found",
  "body_too_large",
  "agent_offline",
]);

const chatRoute = createRoute({
  method: "post",
  path: "/api/chat",
  operationId: "ollamaChat",
  tags: TAGS,
  summary: "Answer a conversation, as Ollama's clients ask for it",
  description: "The address of this server is the client's host. The key goes into `authorization: Bearer KEY`.",
  request: { body: jsonBody(ollamaChatSchema) },
  responses: {
    200: {
      description: "The answer: lines of JSON, or one object where `stream` is false.",
      content: { "application/x-ndjson": { schema: ollamaChatAnswerSchema } },
    },
    ...errors,
  },
});

const generateRoute = createRoute({
  method: "post",
  path: "/api/generate",
  operationId: "ollamaGenerate",
  tags: TAGS,
  summary: "Answer one question, as Ollama's clients ask for it",
  request: { body: jsonBody(ollamaGenerateSchema) },
  responses: {
    200: {
      description: "The answer: lines of JSON, or one object where `stream` is false.",
      content: { "application/x-ndjson": { schema: ollamaGenerateAnswerSchema } },
    },
    ...errors,
  },
});

/** `POST /api/chat` and `POST /api/generate`. */
export function mountOllamaGenerate<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
): void {
  registerRoute(app, chatRoute);
  app.post(chatRoute.path, async (c) => {
    const body = await readJsonBody(c.req.raw, ollamaChatSchema, { anyType: true });
    const request = body.messages.length === 0 ? undefined : fromChat(body);
    return await answer(c, backend(c), { body, request, shape: chatShape });
  });
  registerRoute(app, generateRoute);
  app.post(generateRoute.path, async (c) => {
    const body = await readJsonBody(c.req.raw, ollamaGenerateSchema, { anyType: true });
    const request = body.prompt === "" ? undefined : fromGenerate(body);
    return await answer(c, backend(c), { body, request, shape: generateShape });
  });
}

interface Asked {
  body: OllamaChat | OllamaGenerate;
  /** Absent: the model is only to be loaded, or unloaded. */
  request: GenerateRequest | undefined;
  shape: Shape;
}

async function answer(c: Context, backend: InferenceBackend, { body, request, shape }: Asked): Promise<Response> {
  const encoder = new OllamaEncoder(body.model, shape);
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  if (request === undefined) {
    await orAborted(countTokens(backend, toLoadRequest(body), signal), signal);
    return c.json(encoder.loaded(body.keep_alive === 0 ? "unload" : "load"), 200);
  }
  const generation = backend.generate(request, signal);
  if (!body.stream) return c.json(await orAborted(encoder.collect(generation), signal), 200);
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
    // White space before the next line's object: no client sees it.
    keepAlive: " ",
    onCancel: () => left.abort(),
  });
  return c.body(stream, 200, NDJSON_HEADERS);
}

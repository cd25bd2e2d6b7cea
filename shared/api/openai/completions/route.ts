import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import type { InferenceBackend } from "../../../inference/backend.ts";
import { orAborted } from "../../abort.ts";
import { errorResponses, jsonBody, registerRoute } from "../../document.ts";
import { firstEvents } from "../../first-event.ts";
import { readJsonBody } from "../../json-body.ts";
import { API_LIMITS } from "../../limits.ts";
import { eventStream, SSE_HEADERS } from "../../sse.ts";
import { toChoices } from "../chat-request.ts";
import { answerHead } from "../chat-response.ts";
import { mergeChoices } from "../choices.ts";
import { collectCompletions, CompletionEncoder } from "./encoder.ts";
import { completionSchema, completionsRequestSchema, toGenerateRequest } from "./schema.ts";

const route = createRoute({
  method: "post",
  path: "/v1/completions",
  operationId: "createCompletion",
  tags: ["Completions"],
  summary: "Continue a text",
  description:
    "OpenAI's older completions: the model goes on from the prompt as it is. Chat models want /v1/chat/completions.",
  request: { body: jsonBody(completionsRequestSchema) },
  responses: {
    200: {
      description: "What follows the prompt.",
      content: {
        "application/json": { schema: completionSchema },
        "text/event-stream": { schema: completionSchema },
      },
    },
    ...errorResponses("invalid_request", "invalid_api_key", "model_not_found", "body_too_large", "agent_offline"),
  },
});

/** `POST /v1/completions`. */
export function mountCompletions<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    const body = await readJsonBody(c.req.raw, completionsRequestSchema);
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const choices = body.n ?? 1;
    const request = toGenerateRequest(body);
    const generations = toChoices(request, choices).map((one) => backend(c).generate(one, signal));
    const head = answerHead(body.model, "cmpl");
    const echo = body.echo === true ? request.prompt : undefined;
    if (body.stream !== true) {
      try {
        return c.json(await orAborted(collectCompletions(head, generations, echo), signal), 200);
      } catch (error) {
        // One choice failed: the others are of no use.
        left.abort();
        throw error;
      }
    }
    const events = await firstEvents(generations, signal, left);
    const includeUsage = body.stream_options?.include_usage === true;
    const encoder = new CompletionEncoder(head, { choices, includeUsage, ...(echo === undefined ? {} : { echo }) });
    const stream = eventStream(mergeChoices(events), {
      encode: ({ event, choice }) => encoder.encode(event, choice),
      fail: (error) => encoder.fail(error),
      end: () => encoder.end(),
      keepAliveMs: API_LIMITS.keepAliveMs,
      onCancel: () => left.abort(),
    });
    return c.body(stream, 200, SSE_HEADERS);
  });
}

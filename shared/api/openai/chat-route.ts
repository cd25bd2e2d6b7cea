import { createRoute, type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import type { InferenceBackend } from "../../inference/backend.ts";
import { orAborted } from "../abort.ts";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../document.ts";
import { firstEvents } from "../first-event.ts";
import { readJsonBody } from "../json-body.ts";
import { API_LIMITS } from "../limits.ts";
import { eventStream, SSE_HEADERS } from "../sse.ts";
import { parseWith } from "../validation.ts";
import { handlesOf } from "./answer-note.ts";
import { answerWithJob, type BackgroundJobs } from "./background.ts";
import { mergeChoices } from "./choices.ts";
import { chatRequestSchema } from "./chat-request-schema.ts";
import { toChoices, toGenerateRequest } from "./chat-request.ts";
import {
  answerHead,
  ChatChunkEncoder,
  chatChunkSchema,
  chatCompletionSchema,
  collectCompletion,
  joinCompletions,
} from "./chat-response.ts";
import { EventNumbers } from "./event-numbers.ts";
import { requirePluginCalls } from "./plugin-tool.ts";
import { KEEP_HEADER } from "./keep-header.ts";

const route = createRoute({
  method: "post",
  path: "/v1/chat/completions",
  operationId: "createChatCompletion",
  tags: ["Chat"],
  summary: "Answer a conversation",
  description:
    "OpenAI's chat completions, answered by a model on a home machine. With `stream` the answer comes as server-sent events; " +
    'an error after the first token comes as a `data: {"error": ...}` event before `data: [DONE]`. Through the edge, events have an `id`: ' +
    "`GET /v1/chat/completions/{id}` goes on behind it. An answer whose client leaves is stopped; with the header " +
    "`porchlight-keep: yes` it goes on and waits for ten minutes.",
  request: { body: jsonBody(chatRequestSchema) },
  responses: {
    200: {
      description: "The answer.",
      content: {
        "application/json": { schema: chatCompletionSchema },
        "text/event-stream": { schema: chatChunkSchema },
      },
    },
    ...errorResponses("invalid_request", "invalid_api_key", "model_not_found", "body_too_large", "agent_offline"),
  },
});

function routeWith(jobs: { schema: z.ZodType } | undefined): RouteConfig {
  if (jobs === undefined) return route;
  const accepted = {
    description: "With `background`: the job. `Location` is where it is, and later its answer.",
    content: jsonContent(jobs.schema),
  };
  return { ...route, responses: { ...route.responses, 202: accepted, ...errorResponses("queue_full") } };
}

/** The answer's id, of the client's choice: asked for twice, it is the same answer, so that nothing is lost with the first reply. */
const ID_HEADER = "porchlight-answer-id";
const idSchema = z.string().regex(/^chatcmpl-[0-9a-f]{32}$/);

function namedBy(header: string | undefined): { id?: string } {
  return header === undefined ? {} : { id: parseWith(idSchema, header) };
}

/** `POST /v1/chat/completions`. */
export function mountChat<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
  jobs?: BackgroundJobs<E>,
): void {
  registerRoute(app, routeWith(jobs));
  app.post(route.path, async (c) => {
    const body = await readJsonBody(c.req.raw, chatRequestSchema);
    if (body.background === true) return await answerWithJob(c, body, jobs);
    const request = toGenerateRequest(body);
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const choices = body.n ?? 1;
    const includeUsage = body.stream_options?.include_usage === true;
    const head = { ...answerHead(request.model), ...namedBy(c.req.header(ID_HEADER)) };
    const inference = backend(c);
    requirePluginCalls(request, inference);
    const isNumbered = body.stream === true && inference.answers !== undefined;
    const kept = c.req.header(KEEP_HEADER) === "yes";
    const handles = isNumbered ? handlesOf(head, { includeUsage, choices, kept }) : [];
    const generations = toChoices(request, choices).map((one, n) => inference.generate(one, signal, handles[n]));
    if (body.stream !== true) {
      const collected = Promise.all(generations.map((generation) => collectCompletion(head, generation)));
      try {
        return c.json(joinCompletions(head, await orAborted(collected, signal)), 200);
      } catch (error) {
        // One choice failed: the others are of no use.
        left.abort();
        throw error;
      }
    }
    const events = await firstEvents(generations, signal, left);
    const encoder = new ChatChunkEncoder(head, { includeUsage, choices });
    const numbers = isNumbered ? new EventNumbers(choices) : undefined;
    const stream = eventStream(mergeChoices(events), {
      encode: ({ event, choice }) => {
        const text = encoder.encode(event, choice);
        return numbers?.number(text, choice) ?? text;
      },
      fail: (error) => encoder.fail(error),
      end: () => encoder.end(),
      keepAliveMs: API_LIMITS.keepAliveMs,
      onCancel: () => left.abort(),
    });
    return c.body(stream, 200, SSE_HEADERS);
  });
}

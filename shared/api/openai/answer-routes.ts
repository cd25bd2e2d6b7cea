import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { PorchlightError } from "../../errors.ts";
import type { InferenceBackend, KeptAnswers } from "../../inference/backend.ts";
import { orAborted } from "../abort.ts";
import { errorResponses, jsonContent, registerRoute } from "../document.ts";
import { awaitFirstEvent } from "../first-event.ts";
import { API_LIMITS } from "../limits.ts";
import { eventStream, SSE_HEADERS } from "../sse.ts";
import { parseWith } from "../validation.ts";
import { noteSchema } from "./answer-note.ts";
import { ChatChunkEncoder, chatChunkSchema, chatCompletionSchema, collectCompletion } from "./chat-response.ts";
import { EventNumbers } from "./event-numbers.ts";

const idSchema = z.string().min(1).max(128);
const numberSchema = z.coerce.number().int().nonnegative();

const querySchema = z.object({
  stream: z
    .enum(["true", "false"])
    .optional()
    .openapi({ description: "Whether the answer comes as server-sent events; otherwise once it is whole." }),
  starting_after: numberSchema.optional().openapi({
    description: "Number (`id`) of the last event that the client has; so does the header `Last-Event-ID`.",
  }),
});

const resumeRoute = createRoute({
  method: "get",
  path: "/v1/chat/completions/{id}",
  operationId: "resumeChatCompletion",
  tags: ["Chat"],
  summary: "Go on with a streamed answer",
  description:
    "Goes on with an answer that was asked for with `stream`, behind the last event that the client has, after a lost connection. " +
    "Only whoever asked for it can, and for ten minutes after its end. An answer whose client leaves is stopped at once, unless it " +
    "was asked for with the header `porchlight-keep: yes`.",
  request: { params: z.object({ id: idSchema }), query: querySchema },
  responses: {
    200: {
      description: "The answer, from there on.",
      content: {
        "application/json": { schema: chatCompletionSchema },
        "text/event-stream": { schema: chatChunkSchema },
      },
    },
    ...errorResponses("invalid_request", "invalid_api_key", "not_found", "resume_expired"),
  },
});

const cancelRoute = createRoute({
  method: "post",
  path: "/v1/chat/completions/{id}/cancel",
  operationId: "cancelChatCompletion",
  tags: ["Chat"],
  summary: "Stop a streamed answer",
  description: "The machine stops at once. What has come stays the client's; nothing more is kept.",
  request: { params: z.object({ id: idSchema }) },
  responses: {
    200: {
      description: "It has stopped.",
      content: jsonContent(z.object({ id: z.string(), cancelled: z.literal(true) })),
    },
    ...errorResponses("invalid_api_key", "not_found"),
  },
});

/** `GET /v1/chat/completions/{id}` and `POST .../cancel`, for backends that keep answers. */
export function mountAnswers<E extends Env>(app: OpenAPIHono<E>, backend: (c: Context<E>) => InferenceBackend): void {
  registerRoute(app, resumeRoute);
  registerRoute(app, cancelRoute);
  app.get("/v1/chat/completions/:id", async (c) => {
    const id = parseWith(idSchema, c.req.param("id"));
    const query = parseWith(querySchema, c.req.query());
    const header = c.req.header("last-event-id");
    const after = query.starting_after ?? (header === undefined ? -1 : parseWith(numberSchema, header));
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const { note, events } = await orAborted(answersOf(backend(c)).resume(id, signal), signal);
    const { created, model, includeUsage } = noteSchema.parse(JSON.parse(note));
    const head = { id, created, model };
    if (query.stream !== "true" && header === undefined) {
      return c.json(await orAborted(collectCompletion(head, events), signal), 200);
    }
    const begun = await awaitFirstEvent(events, { waitMs: API_LIMITS.headersAfterMs, signal });
    const encoder = new ChatChunkEncoder(head, { includeUsage });
    const numbers = new EventNumbers(after);
    const stream = eventStream(begun, {
      // Why an answer came to nothing concerns also who has more of it than could be kept.
      encode: (event) => (event.type === "error" ? encoder.encode(event) : numbers.number(encoder.encode(event))),
      fail: (error) => encoder.fail(error),
      end: () => encoder.end(),
      keepAliveMs: API_LIMITS.keepAliveMs,
      onCancel: () => left.abort(),
    });
    return c.body(stream, 200, SSE_HEADERS);
  });
  app.post("/v1/chat/completions/:id/cancel", async (c) => {
    const id = parseWith(idSchema, c.req.param("id"));
    await answersOf(backend(c)).cancel(id);
    return c.json({ id, cancelled: true as const }, 200);
  });
}

function answersOf({ answers }: InferenceBackend): KeptAnswers {
  if (answers === undefined) throw new PorchlightError("not_found");
  return answers;
}

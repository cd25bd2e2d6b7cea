import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { PorchlightError } from "../../errors.ts";
import type { InferenceBackend, KeptAnswers } from "../../inference/backend.ts";
import { orAborted } from "../abort.ts";
import { errorResponses, jsonContent, registerRoute } from "../document.ts";
import { firstEvents } from "../first-event.ts";
import { API_LIMITS } from "../limits.ts";
import { eventStream, SSE_HEADERS } from "../sse.ts";
import { parseWith } from "../validation.ts";
import { choiceId, noteSchema } from "./answer-note.ts";
import {
  ChatChunkEncoder,
  chatChunkSchema,
  chatCompletionSchema,
  collectCompletion,
  joinCompletions,
} from "./chat-response.ts";
import { mergeChoices } from "./choices.ts";
import { EVENT_ID, EventNumbers } from "./event-numbers.ts";
import { MAX_CHOICES } from "./output-schema.ts";

/** Without a dot, which names a choice. */
const idSchema = z
  .string()
  .max(120)
  .regex(/^[\w-]+$/);
const eventIdSchema = z.string().regex(EVENT_ID, "expected the `id` of an event");

const querySchema = z.object({
  stream: z
    .enum(["true", "false"])
    .optional()
    .openapi({ description: "Whether the answer comes as server-sent events; otherwise once it is whole." }),
  starting_after: eventIdSchema.optional().openapi({
    description: "The `id` of the last event that the client has; the header `Last-Event-ID` says the same.",
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
    const after = query.starting_after ?? (header === undefined ? undefined : parseWith(eventIdSchema, header));
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const { note, choices } = await resumeChoices(answersOf(backend(c)), id, signal).catch((error: unknown) => {
      left.abort();
      throw error;
    });
    const { created, model, includeUsage } = note;
    const head = { id, created, model };
    if (query.stream !== "true" && header === undefined) {
      const collected = Promise.all(choices.map((events) => collectCompletion(head, events)));
      return c.json(joinCompletions(head, await orAborted(collected, signal)), 200);
    }
    const numbers = new EventNumbers(note.choices, after);
    const begun = await firstEvents(choices, signal, left);
    const encoder = new ChatChunkEncoder(head, { includeUsage, choices: note.choices });
    const stream = eventStream(mergeChoices(begun), {
      encode: ({ event, choice }) => {
        const text = encoder.encode(event, choice);
        // Why an answer came to nothing concerns also who has more of it than could be kept.
        return event.type === "error" ? text : numbers.number(text, choice);
      },
      fail: (error) => encoder.fail(error),
      end: () => encoder.end(),
      keepAliveMs: API_LIMITS.keepAliveMs,
      onCancel: () => left.abort(),
    });
    return c.body(stream, 200, SSE_HEADERS);
  });
  app.post("/v1/chat/completions/:id/cancel", async (c) => {
    const id = parseWith(idSchema, c.req.param("id"));
    await cancelChoices(answersOf(backend(c)), id);
    return c.json({ id, cancelled: true as const }, 200);
  });
}

/** The generations of an answer's choices, each from its start. Throws as `KeptAnswers.resume` does. */
async function resumeChoices(answers: KeptAnswers, id: string, signal: AbortSignal) {
  const first = await orAborted(answers.resume(id, signal), signal);
  const note = noteSchema.parse(JSON.parse(first.note));
  const more = Array.from({ length: note.choices - 1 }, (_, n) => answers.resume(choiceId(id, n + 1), signal));
  const others = await orAborted(Promise.all(more), signal);
  return { note, choices: [first, ...others].map(({ events }) => events) };
}

/** Stops as many choices as there are. Throws `not_found` where there is none. */
async function cancelChoices(answers: KeptAnswers, id: string): Promise<void> {
  await answers.cancel(id);
  for (let choice = 1; choice < MAX_CHOICES; choice++) {
    try {
      await answers.cancel(choiceId(id, choice));
    } catch (error) {
      if (error instanceof PorchlightError && error.code === "not_found") return;
      throw error;
    }
  }
}

function answersOf({ answers }: InferenceBackend): KeptAnswers {
  if (answers === undefined) throw new PorchlightError("not_found");
  return answers;
}

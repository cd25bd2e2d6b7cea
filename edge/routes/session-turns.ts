import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { orAborted } from "../../shared/api/abort.ts";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { firstEvents } from "../../shared/api/first-event.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { API_LIMITS } from "../../shared/api/limits.ts";
import {
  ChatChunkEncoder,
  chatChunkSchema,
  chatCompletionSchema,
  collectCompletion,
} from "../../shared/api/openai/chat-response.ts";
import { EventNumbers } from "../../shared/api/openai/event-numbers.ts";
import { eventStream, SSE_HEADERS } from "../../shared/api/sse.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { allowsScope } from "../access/scopes.ts";
import type { AppEnv } from "../env.ts";
import { accountBackend, callerOf } from "../home/account-backend.ts";
import { takeMade } from "../home/made.ts";
import type { TurnRequest } from "../home/sessions/turns/turn-request.ts";
import { turnsOf } from "../home/sessions/turns/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import {
  readTurnBody,
  regenerateSchema,
  tracedTurn,
  tracedTurnSchema,
  turnRequestSchema,
} from "./session-turns-schema.ts";

const params = z.object({ id: z.string() });

/** The answer's id, of the client's choice: asked for twice, it is the same turn. */
const ID_HEADER = "porchlight-answer-id";
const answerIdSchema = z.string().regex(/^chatcmpl-[0-9a-f]{32}$/);
const indexSchema = z.coerce.number().int().min(0).max(1_000_000);

const answers = {
  200: {
    description: "The answer, as of `POST /v1/chat/completions`. The header `porchlight-turn` is the turn's index.",
    content: {
      "application/json": { schema: chatCompletionSchema },
      "text/event-stream": { schema: chatChunkSchema },
    },
  },
  ...errorResponses(
    "invalid_request",
    "invalid_api_key",
    "forbidden",
    "not_found",
    "model_not_found",
    "session_busy",
    "session_full",
    "body_too_large",
    "archive_offline",
    "agent_offline",
  ),
};

const sayRoute = createRoute({
  method: "post",
  path: "/api/sessions/{id}/turns",
  operationId: "addTurn",
  tags: ["Sessions"],
  summary: "Say something in a conversation, and have it answered",
  description:
    "Sends the last turns to the model, with a summary of what was before them and, where the question needs it, pieces of older turns. " +
    "The turn goes on when its client leaves, and is written down when it ends: `GET /v1/chat/completions/{id}` goes on with a streamed " +
    "answer, `POST .../cancel` stops it. A key needs the scopes `sessions` and `inference`.",
  request: { params, body: jsonBody(turnRequestSchema) },
  responses: answers,
});

const againRoute = createRoute({
  method: "post",
  path: "/api/sessions/{id}/regenerate",
  operationId: "regenerateTurn",
  tags: ["Sessions"],
  summary: "Have the last question of a conversation answered again",
  description: "The new answer takes the place of the one there was.",
  request: { params, body: jsonBody(regenerateSchema) },
  responses: answers,
});

const showRoute = createRoute({
  method: "get",
  path: "/api/sessions/{id}/turns/{index}",
  operationId: "showTurn",
  tags: ["Sessions"],
  summary: "Look at one turn, with what was sent to the model for it",
  request: { params: z.object({ id: z.string(), index: z.string() }) },
  responses: {
    200: { description: "The turn.", content: jsonContent(tracedTurnSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "not_found", "archive_offline"),
  },
});

/** What people say in conversations, and what answers them. */
export function mountSessionTurns(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, sayRoute);
  app.post("/api/sessions/:id/turns", async (c) => {
    const { content, ...body } = await readJsonBody(c.req.raw, turnRequestSchema);
    return await answer(c, c.req.param("id"), body, content);
  });

  registerRoute(app, againRoute);
  app.post("/api/sessions/:id/regenerate", async (c) => {
    return await answer(c, c.req.param("id"), await readJsonBody(c.req.raw, regenerateSchema));
  });

  registerRoute(app, showRoute);
  app.get("/api/sessions/:id/turns/:index", async (c) => {
    const index = parseWith(indexSchema, c.req.param("index"));
    const { id, userId } = accountOf(c);
    return c.json(tracedTurn(takeMade(await turnsOf(c.env, id).turn(c.req.param("id"), userId, index))));
  });
}

/** Starts the turn, then reads its answer like one that is come back to: whoever leaves leaves the turn as it is. */
async function answer(
  c: Context<AppEnv>,
  sessionId: string,
  body: z.infer<typeof regenerateSchema>,
  content?: string,
): Promise<Response> {
  const { id: accountId, userId, key } = accountOf(c);
  if (key !== undefined && !allowsScope(key.scopes, ["inference"])) {
    throw new PorchlightError("forbidden", "This key is not for models: use one with the scope 'inference' too.");
  }
  const includeUsage = body.stream_options?.include_usage === true;
  const request: TurnRequest = {
    ...readTurnBody(body),
    sessionId,
    userId,
    caller: callerOf(accountOf(c)),
    priority: key?.priority ?? "normal",
    models: key?.models ?? null,
    id: answerId(c.req.header(ID_HEADER)),
    includeUsage,
    ...(content === undefined ? {} : { content }),
  };
  const started = takeMade(await turnsOf(c.env, accountId).start(request));
  const backend = accountBackend(c);
  if (backend.answers === undefined) throw new PorchlightError("internal");
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  const { events } = await backend.answers.resume(started.id, signal);
  for (const [name, value] of started.headers) c.header(name, value);
  c.header("porchlight-turn", String(started.index));
  const { id, created, model } = started;
  const head = { id, created, model };
  if (body.stream !== true) return c.json(await orAborted(collectCompletion(head, events), signal), 200);
  const [begun] = await firstEvents([events], signal, left);
  if (begun === undefined) throw new PorchlightError("internal");
  const encoder = new ChatChunkEncoder(head, { includeUsage });
  const numbers = new EventNumbers();
  const stream = eventStream(begun, {
    encode: (event) => numbers.number(encoder.encode(event)),
    fail: (error) => encoder.fail(error),
    end: () => encoder.end(),
    keepAliveMs: API_LIMITS.keepAliveMs,
    onCancel: () => left.abort(),
  });
  return c.body(stream, 200, SSE_HEADERS);
}

function answerId(header: string | undefined): string {
  return header === undefined
    ? `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`
    : parseWith(answerIdSchema, header);
}

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { parseWith } from "../../shared/api/validation.ts";
import type { AppEnv } from "../env.ts";
import { requireSession } from "../home/sessions/desk.ts";
import { TIER_LIMITS } from "../home/sessions/limits.ts";
import { takeMade } from "../home/made.ts";
import { sessionsOf } from "../home/sessions/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import {
  settingsSchema,
  shownSession,
  shownSessionSchema,
  shownTurn,
  shownTurnSchema,
  titleSchema,
} from "./sessions-schema.ts";

const params = z.object({ id: z.string() });

const changeSchema = z
  .strictObject({
    title: titleSchema.optional(),
    settings: settingsSchema.optional().openapi({ description: "All of them: what is absent is inherited." }),
  })
  .openapi("SessionChange", { example: { title: "Trees for the garden" } });

const forkSchema = z
  .strictObject({
    upTo: z.number().int().min(1).openapi({ description: "The turns before this index are copied." }),
  })
  .openapi("SessionFork", { example: { upTo: 3 } });

const pageSchema = z
  .object({
    turns: z.array(shownTurnSchema),
    turnCount: z.number().int(),
    next: z
      .number()
      .int()
      .nullable()
      .openapi({ description: "Send it as `from` for what follows; null: that was all." }),
  })
  .openapi("TurnList");

const turnQuerySchema = z.object({
  from: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(TIER_LIMITS.pageTurns).default(TIER_LIMITS.pageTurns),
});

const showRoute = createRoute({
  method: "get",
  path: "/api/sessions/{id}",
  operationId: "showSession",
  tags: ["Sessions"],
  summary: "Look at a conversation, without its turns",
  request: { params },
  responses: {
    200: { description: "The conversation.", content: jsonContent(shownSessionSchema) },
    ...errorResponses("invalid_api_key", "not_found"),
  },
});

const changeRoute = createRoute({
  method: "patch",
  path: "/api/sessions/{id}",
  operationId: "changeSession",
  tags: ["Sessions"],
  summary: "Rename a conversation, or set how it is held",
  request: { params, body: jsonBody(changeSchema) },
  responses: {
    200: { description: "As it is now.", content: jsonContent(shownSessionSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "not_found"),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/api/sessions/{id}",
  operationId: "deleteSession",
  tags: ["Sessions"],
  summary: "Delete a conversation",
  description:
    "It is gone from the edge at once, and from archive and backup as soon as each can be told: a machine that is off, when it comes.",
  request: { params },
  responses: { 204: { description: "It is deleted." }, ...errorResponses("invalid_api_key", "not_found") },
});

const forkRoute = createRoute({
  method: "post",
  path: "/api/sessions/{id}/fork",
  operationId: "forkSession",
  tags: ["Sessions"],
  summary: "Begin another conversation with the first turns of this one",
  request: { params, body: jsonBody(forkSchema) },
  responses: {
    201: { description: "The other one.", content: jsonContent(shownSessionSchema) },
    ...errorResponses(
      "invalid_request",
      "invalid_api_key",
      "not_found",
      "session_busy",
      "body_too_large",
      "archive_offline",
    ),
  },
});

const turnsRoute = createRoute({
  method: "get",
  path: "/api/sessions/{id}/turns",
  operationId: "listTurns",
  tags: ["Sessions"],
  summary: "Read the turns of a conversation",
  description: "Turns that are kept at home are read through the machine that has them.",
  request: {
    params,
    query: z.object({
      from: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).max(TIER_LIMITS.pageTurns).optional(),
    }),
  },
  responses: {
    200: { description: "Turns in their order.", content: jsonContent(pageSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "not_found", "archive_offline"),
  },
});

/** `/api/sessions/{id}`: one conversation. */
export function mountSession(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, showRoute);
  app.get("/api/sessions/:id", async (c) => {
    const { id, userId } = accountOf(c);
    return c.json(shownSession(requireSession(await sessionsOf(c.env, id).get(c.req.param("id"), userId))));
  });

  registerRoute(app, changeRoute);
  app.patch("/api/sessions/:id", async (c) => {
    const { title, settings } = await readJsonBody(c.req.raw, changeSchema);
    const { id, userId } = accountOf(c);
    const change = { ...(title === undefined ? {} : { title }), ...(settings === undefined ? {} : { settings }) };
    const session = await sessionsOf(c.env, id).change(c.req.param("id"), userId, change);
    return c.json(shownSession(requireSession(session)));
  });

  registerRoute(app, deleteRoute);
  app.delete("/api/sessions/:id", async (c) => {
    const { id, userId } = accountOf(c);
    if (!(await sessionsOf(c.env, id).remove(c.req.param("id"), userId))) requireSession(undefined);
    return c.body(null, 204);
  });

  registerRoute(app, forkRoute);
  app.post("/api/sessions/:id/fork", async (c) => {
    const { upTo } = await readJsonBody(c.req.raw, forkSchema);
    const { id, userId } = accountOf(c);
    const session = takeMade(await sessionsOf(c.env, id).fork(c.req.param("id"), userId, upTo));
    c.header("location", `/api/sessions/${session.id}`);
    return c.json(shownSession(session), 201);
  });

  registerRoute(app, turnsRoute);
  app.get("/api/sessions/:id/turns", async (c) => {
    const { from, limit } = parseWith(turnQuerySchema, c.req.query());
    const { id, userId } = accountOf(c);
    const page = takeMade(await sessionsOf(c.env, id).turns(c.req.param("id"), userId, from, limit));
    const end = from + page.turns.length;
    const next = page.turns.length > 0 && end < page.turnCount ? end : null;
    return c.json({ turns: page.turns.map(shownTurn), turnCount: page.turnCount, next } satisfies z.infer<
      typeof pageSchema
    >);
  });
}

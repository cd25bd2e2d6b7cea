import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { SESSION_LIMITS } from "../../shared/sessions/limits.ts";
import { sessionIdSchema } from "../../shared/sessions/session.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { sessionsOf } from "../home/sessions/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { settingsSchema, shownSession, shownSessionSchema, titleSchema } from "./sessions-schema.ts";

const listSchema = z
  .object({
    sessions: z.array(shownSessionSchema),
    next: z.string().nullable().openapi({ description: "Send it as `before` for the next page; null: that was all." }),
  })
  .openapi("SessionList");

const newSessionSchema = z
  .strictObject({ title: titleSchema.default(""), settings: settingsSchema.default({}) })
  .openapi("NewSession", { example: { title: "Trees for the garden", settings: {} } });

const CURSOR = /^(\d{1,15})\.(ses_[0-9a-z]{26})$/;

const querySchema = z.object({
  limit: z.coerce.number().int().min(1).max(SESSION_LIMITS.pageMax).default(SESSION_LIMITS.page),
  before: z
    .string()
    .regex(CURSOR, "expected 'next' of the page before")
    .transform((text) => {
      const [, time, id] = CURSOR.exec(text) ?? [];
      return { updatedAtMs: Number(time), id: parseWith(sessionIdSchema, id) };
    })
    .optional(),
  query: z.string().max(SESSION_LIMITS.queryCharacters).optional(),
});

const listRoute = createRoute({
  method: "get",
  path: "/api/sessions",
  operationId: "listSessions",
  tags: ["Sessions"],
  summary: "List one's conversations, the latest change first",
  description: "One's own alone: nobody sees another's, the owner included.",
  request: {
    query: z.object({
      limit: z.number().int().min(1).max(SESSION_LIMITS.pageMax).optional(),
      before: z.string().optional(),
      query: z.string().max(SESSION_LIMITS.queryCharacters).optional().openapi({
        description:
          "Those whose title has these words, in one page. GET /api/sessions/search looks into the turns too.",
      }),
    }),
  },
  responses: {
    200: { description: "A page of conversations.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_request", "invalid_api_key"),
  },
});

const makeRoute = createRoute({
  method: "post",
  path: "/api/sessions",
  operationId: "createSession",
  tags: ["Sessions"],
  summary: "Begin a conversation",
  request: { body: jsonBody(newSessionSchema) },
  responses: {
    201: { description: "It is there, without a turn.", content: jsonContent(shownSessionSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "too_many_sessions"),
  },
});

/** `GET` and `POST /api/sessions`. */
export function mountSessions(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { limit, before, query } = parseWith(querySchema, c.req.query());
    const account = accountOf(c);
    const found = await sessionsOf(c.env, account.id).list({
      userId: account.userId,
      limit: limit + 1,
      ...(before === undefined ? {} : { before }),
      ...(query === undefined || query.trim() === "" ? {} : { query }),
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const isMore = found.length > limit && query === undefined && last !== undefined;
    const next = isMore ? `${last.updatedAtMs}.${last.id}` : null;
    return c.json({ sessions: page.map(shownSession), next } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, makeRoute);
  app.post(makeRoute.path, async (c) => {
    const { title, settings } = await readJsonBody(c.req.raw, newSessionSchema);
    const { id, userId, key } = accountOf(c);
    const source = key === undefined ? "chat" : "api";
    const session = takeMade(await sessionsOf(c.env, id).create({ userId, title, settings, source }));
    c.header("location", `/api/sessions/${session.id}`);
    return c.json(shownSession(session), 201);
  });
}

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { SESSION_LIMITS } from "../../shared/sessions/limits.ts";
import type { AppEnv } from "../env.ts";
import { sessionsOf } from "../home/sessions/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";

const LIMIT = 20;

const answerSchema = z
  .object({
    hits: z.array(
      z.object({
        sessionId: z.string(),
        title: z.string(),
        updatedAt: z.iso.datetime(),
        index: z.number().int().nullable().openapi({ description: "The turn; null: it was found in the title." }),
        snippet: z.string().openapi({ description: "Plain text around the place." }),
        by: z.enum(["words", "meaning"]).openapi({ description: "Whether it has the words, or is about the same." }),
        score: z.number().openapi({ description: "In (0, 1], larger is better." }),
      }),
    ),
    complete: z.boolean().openapi({
      description: "False while a machine that keeps older turns of yours is not online: it was not asked.",
    }),
    meaning: z.boolean().openapi({
      description:
        "Whether it was looked for by meaning as well: only while a machine with an embedding model is online.",
    }),
  })
  .openapi("SessionSearch");

const querySchema = z.object({
  q: z.string().min(1).max(SESSION_LIMITS.queryCharacters),
  limit: z.coerce.number().int().min(1).max(SESSION_LIMITS.page).default(LIMIT),
});

const route = createRoute({
  method: "get",
  path: "/api/sessions/search",
  operationId: "searchSessions",
  tags: ["Sessions"],
  summary: "Find something in one's conversations",
  description:
    "Titles and turns that have all the words, the last one also as a beginning. Older turns are looked through at home: the machines that " +
    "have them do it. Where one of them has an embedding model, turns about the same are found too, whatever their words.",
  request: {
    query: z.object({ q: z.string(), limit: z.number().int().min(1).max(SESSION_LIMITS.page).optional() }),
  },
  responses: {
    200: { description: "What was found, the best first.", content: jsonContent(answerSchema) },
    ...errorResponses("invalid_request", "invalid_api_key"),
  },
});

/** `GET /api/sessions/search`. */
export function mountSessionSearch(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.get(route.path, async (c) => {
    const { q, limit } = parseWith(querySchema, c.req.query());
    const { id, userId } = accountOf(c);
    const { hits, complete, meaning } = await sessionsOf(c.env, id).search(userId, q, limit);
    const shown = hits.map(({ updatedAtMs, ...hit }) => ({ ...hit, updatedAt: new Date(updatedAtMs).toISOString() }));
    return c.json({ hits: shown, complete, meaning } satisfies z.infer<typeof answerSchema>);
  });
}

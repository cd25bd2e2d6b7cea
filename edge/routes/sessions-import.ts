import { createRoute, type OpenAPIHono, type z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { importAnswerSchema, importBatchSchema } from "../../shared/sessions/import/batch.ts";
import type { ImportedSession } from "../../shared/sessions/import/conversation.ts";
import { IMPORT_LIMITS } from "../../shared/sessions/import/limits.ts";
import type { AppEnv } from "../env.ts";
import { sessionsOf } from "../home/sessions/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";

const answerSchema = importAnswerSchema.openapi("ImportedSessions");

const importRoute = createRoute({
  method: "post",
  path: "/api/sessions/import",
  operationId: "importSessions",
  tags: ["Sessions"],
  summary: "Bring conversations in from elsewhere",
  description:
    "What reads the export files of OpenAI and Claude is the page /import and `porchlight sessions import FILE`; they send this. A " +
    "conversation that is here already, by `from`, stays as it is: a batch may be sent again. Each comes in whole or not at all.",
  request: { body: jsonBody(importBatchSchema.openapi("SessionsToImport")) },
  responses: {
    200: { description: "What became of each, in their order.", content: jsonContent(answerSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "body_too_large"),
  },
});

/** `POST /api/sessions/import`. */
export function mountSessionImport(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, importRoute);
  app.post(importRoute.path, async (c) => {
    const { sessions } = await readJsonBody(c.req.raw, importBatchSchema, { limitBytes: IMPORT_LIMITS.bodyBytes });
    const { id, userId } = accountOf(c);
    const answers = await sessionsOf(c.env, id).importSessions(sessions.map((session) => stored(session, userId)));
    const shown = answers.map((answer) => {
      if ("error" in answer) {
        const { code, message } = answer.error;
        return { state: "refused" as const, id: null, error: { code, message } };
      }
      const { known, session } = answer.made;
      return { state: known ? ("known" as const) : ("added" as const), id: session.id, error: null };
    });
    return c.json({ sessions: shown } satisfies z.infer<typeof answerSchema>);
  });
}

function stored({ from, ...session }: ImportedSession, userId: string) {
  const former = from.kind === "porchlight" ? { formerId: from.id } : {};
  return { ...session, userId, sourceId: `${from.kind}:${from.id}`, ...former };
}

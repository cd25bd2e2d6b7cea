import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, registerRoute } from "../../shared/api/document.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { pullStream } from "../../shared/pull-stream.ts";
import { EXPORT_PROBLEM_FORMAT, sessionJson, type TurnReader } from "../../shared/sessions/export/format.ts";
import { sessionMarkdown } from "../../shared/sessions/export/markdown.ts";
import { IMPORT_LIMITS } from "../../shared/sessions/import/limits.ts";
import { SESSION_LIMITS } from "../../shared/sessions/limits.ts";
import type { Session } from "../../shared/sessions/session.ts";
import type { AppEnv, EdgeBindings } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { requireSession } from "../home/sessions/desk.ts";
import { TIER_LIMITS } from "../home/sessions/limits.ts";
import { sessionsOf } from "../home/sessions/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";

const querySchema = z.object({ format: z.enum(["json", "markdown"]).default("json") });

const oneRoute = createRoute({
  method: "get",
  path: "/api/sessions/{id}/export",
  operationId: "exportSession",
  tags: ["Sessions"],
  summary: "Take a conversation out as a file",
  description: "As JSON with all that it has, which an import takes back, or as Markdown to read.",
  request: {
    params: z.object({ id: z.string() }),
    query: z.object({ format: z.enum(["json", "markdown"]).optional() }),
  },
  responses: {
    200: {
      description: "The file.",
      content: {
        "application/json": { schema: z.object({}).loose() },
        "text/markdown": { schema: z.string() },
      },
    },
    ...errorResponses("invalid_request", "invalid_api_key", "not_found", "archive_offline"),
  },
});

const allRoute = createRoute({
  method: "get",
  path: "/api/sessions/export",
  operationId: "exportSessions",
  tags: ["Sessions"],
  summary: "Take all of one's conversations out as a file",
  description:
    "A line of JSON for each (NDJSON), the latest change first. One whose turns are at a machine that is offline has a line that says so, with " +
    `the format \`${EXPORT_PROBLEM_FORMAT}\`.`,
  responses: {
    200: { description: "The file.", content: { "application/x-ndjson": { schema: z.string() } } },
    ...errorResponses("invalid_api_key"),
  },
});

/** `GET /api/sessions/export` and `GET /api/sessions/{id}/export`. Before the routes of one session: `export` is no id. */
export function mountSessionExport(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, allRoute);
  app.get(allRoute.path, (c) => {
    const { id, userId } = accountOf(c);
    const lines = allSessions(c.env, id, userId);
    return c.body(pullStream(lines), 200, fileHeaders("application/x-ndjson", "sessions.ndjson"));
  });

  registerRoute(app, oneRoute);
  app.get("/api/sessions/:id/export", async (c) => {
    const { format } = parseWith(querySchema, c.req.query());
    const { id, userId } = accountOf(c);
    const session = requireSession(await sessionsOf(c.env, id).get(c.req.param("id"), userId));
    const write = format === "json" ? sessionJson : sessionMarkdown;
    const pieces = await startedWell(encoded(write(session, turnReader(c.env, id, session))));
    const [type, ending] = format === "json" ? ["application/json", "json"] : ["text/markdown; charset=utf-8", "md"];
    return c.body(pullStream(pieces), 200, fileHeaders(type, `${session.id}.${ending}`));
  });
}

function fileHeaders(type: string, name: string): Record<string, string> {
  return { "content-type": type, "content-disposition": `attachment; filename="${name}"` };
}

function turnReader(env: EdgeBindings, accountId: string, { id, userId }: Session): TurnReader {
  const desk = sessionsOf(env, accountId);
  return async (from) => takeMade(await desk.turns(id, userId, from, TIER_LIMITS.pageTurns)).turns;
}

async function* encoded(pieces: AsyncGenerator<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const piece of pieces) yield encoder.encode(piece);
}

/**
 * The same pieces, of which the first few MiB are there already: what fails in them is an error of its own, not a file that breaks off.
 * Most conversations are whole then.
 */
async function startedWell(pieces: AsyncGenerator<Uint8Array>): Promise<AsyncGenerator<Uint8Array>> {
  const ready: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < IMPORT_LIMITS.bodyBytes) {
    const next = await pieces.next();
    if (next.done === true) break;
    ready.push(next.value);
    bytes += next.value.length;
  }
  return (async function* () {
    yield* ready;
    yield* pieces;
  })();
}

async function* allSessions(env: EdgeBindings, accountId: string, userId: string): AsyncGenerator<Uint8Array> {
  const desk = sessionsOf(env, accountId);
  let before: { updatedAtMs: number; id: string } | undefined;
  for (;;) {
    const page = await desk.list({ userId, limit: SESSION_LIMITS.page, ...(before === undefined ? {} : { before }) });
    for (const session of page) yield* line(session, turnReader(env, accountId, session));
    const last = page.at(-1);
    if (last === undefined) return;
    before = { updatedAtMs: last.updatedAtMs, id: last.id };
  }
}

async function* line(session: Session, read: TurnReader): AsyncGenerator<Uint8Array> {
  let pieces: AsyncGenerator<Uint8Array>;
  try {
    pieces = await startedWell(encoded(sessionJson(session, read)));
  } catch (error) {
    if (!(error instanceof PorchlightError)) throw error;
    const { code, message } = error;
    if (code === "not_found") return; // Deleted meanwhile.
    const problem = { format: EXPORT_PROBLEM_FORMAT, id: session.id, title: session.title, code, message };
    yield new TextEncoder().encode(`${JSON.stringify(problem)}\n`);
    return;
  }
  yield* pieces;
}

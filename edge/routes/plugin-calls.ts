import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { pluginsOf } from "../home/plugins/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { listedCallSchema, shownCall, shownWholeCall, wholeCallSchema } from "./plugins-schema.ts";

const described = { tags: ["Plugins"] };
const params = z.object({ id: z.string().max(128) });
const querySchema = z.object({
  plugin: z.string().max(128).optional().openapi({ example: "@porchlight/hello" }),
  session: z.string().max(128).optional().openapi({ description: "Only calls made in this conversation." }),
  before: z.string().max(128).optional().openapi({ description: "Id of a call: only earlier ones." }),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});
const listSchema = z.object({ calls: z.array(listedCallSchema) }).openapi("PluginCallList");

const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/plugin-calls",
  operationId: "listPluginCalls",
  summary: "Calls of your plugins, the latest first",
  description: "The last 1,000 of the last 30 days, those that a model made in your name included.",
  request: { query: querySchema },
  responses: {
    200: { description: "The calls.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden"),
  },
});
const showRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/plugin-calls/{id}",
  operationId: "showPluginCall",
  summary: "A call, with what went in and came out",
  request: { params },
  responses: {
    200: { description: "The call.", content: jsonContent(wholeCallSchema) },
    ...errorResponses("invalid_api_key", "forbidden", "not_found"),
  },
});

/** `/api/plugin-calls`: what one's plugins were called for. */
export function mountPluginCalls(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { plugin, session, before, limit } = parseWith(querySchema, c.req.query());
    const { id, userId } = accountOf(c);
    const calls = await pluginsOf(c.env, id).calls(userId, { plugin, sessionId: session, before, limit });
    return c.json({ calls: calls.map(shownCall) } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, showRoute);
  app.get("/api/plugin-calls/:id", async (c) => {
    const { id, userId } = accountOf(c);
    const found = await pluginsOf(c.env, id).callRecord(userId, c.req.param("id"));
    if (found === undefined) throw new PorchlightError("not_found", "There is no such call, or it was too long ago.");
    return c.json(shownWholeCall(found));
  });
}

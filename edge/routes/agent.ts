import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, registerRoute } from "../../shared/api/document.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { revokeAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";

const route = createRoute({
  method: "delete",
  path: "/api/agents/{id}",
  operationId: "revokeAgent",
  tags: ["Machines"],
  summary: "Revoke a home machine",
  description: "Its connection is closed at once, and it stays out until it is paired again. Owner only.",
  request: { params: z.object({ id: z.string().max(128) }) },
  responses: { 204: { description: "Revoked." }, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});

export function mountAgent(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.delete("/api/agents/:id", async (c) => {
    const { id: accountId } = accountOf(c);
    const id = c.req.param("id");
    if (!(await revokeAgent(database(c.env.DB), accountId, id, Date.now()))) {
      throw new PorchlightError("not_found", "There is no such machine. GET /api/agents lists those there are.");
    }
    await homeOf(c.env, accountId).revoke(id);
    await audit(c, "agent_revoked", { target: id });
    return c.body(null, 204);
  });
}

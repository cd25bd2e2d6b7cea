import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { verifyLeave } from "../../shared/protocol/signatures.ts";
import { audit } from "../credentials/audit.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { originOf } from "../origin.ts";
import { findAgent, revokeAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";

const leaveSchema = z
  .strictObject({
    time: z.number().int().nonnegative().openapi({ description: "Now, in Unix milliseconds." }),
    signature: z.string().length(86).openapi({ description: "Ed25519 over label, origin, id and time (PROTOCOL.md)." }),
  })
  .openapi("Leave");

const route = createRoute({
  method: "post",
  path: "/api/agents/{id}/leave",
  operationId: "leave",
  tags: ["Machines"],
  summary: "Remove this home machine",
  description: "What `porchlight disconnect` calls: a machine takes itself off the list, by its own key.",
  security: [],
  request: { params: z.object({ id: z.string().max(128) }), body: jsonBody(leaveSchema) },
  responses: { 204: { description: "Removed." }, ...errorResponses("invalid_request", "agent_unknown") },
});

export function mountAgentLeave(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.post("/api/agents/:id/leave", async (c) => {
    const { time, signature } = await readJsonBody(c.req.raw, leaveSchema);
    const now = Date.now();
    if (Math.abs(now - time) > CREDENTIAL_LIMITS.leaveMs) {
      const message = `Invalid value for 'time': this edge's clock says ${new Date(now).toISOString()}. Set yours.`;
      throw new PorchlightError("invalid_request", message, { param: "time" });
    }
    const db = database(c.env.DB);
    const agent = await findAgent(db, c.req.param("id"));
    const claims = { origin: originOf(c), agentId: c.req.param("id"), time };
    // One answer for both: who has no key learns not even which ids there are.
    if (!agent || !(await verifyLeave(agent.publicKey, signature, claims))) throw new PorchlightError("agent_unknown");
    const { accountId, id, name } = agent;
    await revokeAgent(db, accountId, id, now);
    await homeOf(c.env, accountId).revoke(id);
    await audit(c, "agent_left", { target: name, actor: { accountId, id, name } });
    return c.body(null, 204);
  });
}

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { machineSchema } from "../../shared/protocol/messages.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { renameAgent, restoreAgent, revokeAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";

const paramsSchema = z.object({ id: z.string().max(128) });
const nameSchema = z.strictObject({ name: machineSchema.shape.name }).openapi("AgentName");
const emptySchema = z.object({}).openapi("Empty");
const UNKNOWN = "There is no such machine. GET /api/agents lists those there are.";

const renameRoute = createRoute({
  method: "patch",
  path: "/api/agents/{id}",
  operationId: "renameAgent",
  tags: ["Machines"],
  summary: "Rename a home machine",
  description: "Its identity is its key: the name is for people, and stays when it is paired again. Owner only.",
  request: { params: paramsSchema, body: jsonBody(nameSchema) },
  responses: {
    200: { description: "Renamed.", content: jsonContent(emptySchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "not_found"),
  },
});

const revokeRoute = createRoute({
  method: "delete",
  path: "/api/agents/{id}",
  operationId: "revokeAgent",
  tags: ["Machines"],
  summary: "Revoke a home machine",
  description: "Its connection is closed at once, and it stays out until it is let in again. Owner only.",
  request: { params: paramsSchema },
  responses: { 204: { description: "Revoked." }, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});

const restoreRoute = createRoute({
  method: "post",
  path: "/api/agents/{id}/restore",
  operationId: "restoreAgent",
  tags: ["Machines"],
  summary: "Let a revoked machine in again",
  description: "Its key counts again: `porchlight connect` on the machine needs no new link. Owner only.",
  request: { params: paramsSchema },
  responses: {
    200: { description: "It may dial again.", content: jsonContent(emptySchema) },
    ...errorResponses("invalid_api_key", "forbidden", "not_found"),
  },
});

export function mountAgent(app: OpenAPIHono<AppEnv>): void {
  for (const route of [renameRoute, revokeRoute, restoreRoute]) registerRoute(app, route);
  app.patch("/api/agents/:id", async (c) => {
    const { name } = await readJsonBody(c.req.raw, nameSchema);
    const isMine = await renameAgent(database(c.env.DB), accountOf(c).id, c.req.param("id"), name);
    if (!isMine) throw new PorchlightError("not_found", UNKNOWN);
    await audit(c, "agent_renamed", { target: name });
    return c.json({});
  });

  app.delete("/api/agents/:id", async (c) => {
    const { id: accountId } = accountOf(c);
    const id = c.req.param("id");
    const name = await revokeAgent(database(c.env.DB), accountId, id, Date.now());
    if (name === undefined) throw new PorchlightError("not_found", UNKNOWN);
    await homeOf(c.env, accountId).revoke(id);
    await audit(c, "agent_revoked", { target: name });
    return c.body(null, 204);
  });

  app.post("/api/agents/:id/restore", async (c) => {
    const name = await restoreAgent(database(c.env.DB), accountOf(c).id, c.req.param("id"));
    if (name === undefined) throw new PorchlightError("not_found", "There is no such machine that was revoked.");
    await audit(c, "agent_restored", { target: name });
    return c.json({});
  });
}

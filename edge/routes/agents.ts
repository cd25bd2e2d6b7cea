import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { modelInfoSchema } from "../../shared/inference/model.ts";
import { machineSchema } from "../../shared/protocol/messages.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { listAgents } from "../store/agents.ts";
import { database } from "../store/database.ts";

const agentSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    online: z.boolean(),
    machine: machineSchema
      .nullable()
      .openapi({ description: "As it announced itself last; null before the first time." }),
    models: z.array(modelInfoSchema),
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime().nullable(),
  })
  .openapi("Agent");

const agentListSchema = z.object({ agents: z.array(agentSchema) }).openapi("AgentList");

const route = createRoute({
  method: "get",
  path: "/api/agents",
  operationId: "listAgents",
  tags: ["Machines"],
  summary: "List the home machines",
  responses: {
    200: { description: "Every machine that is paired.", content: jsonContent(agentListSchema) },
    ...errorResponses("invalid_api_key"),
  },
});

export function mountAgents(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.get(route.path, async (c) => {
    const { id } = accountOf(c);
    const [rows, known] = await Promise.all([listAgents(database(c.env.DB), id), homeOf(c.env, id).agents()]);
    const now = Date.now();
    const agents = rows.map((row) => {
      const status = known.find((agent) => agent.id === row.id);
      const online = status?.online ?? false;
      return {
        id: row.id,
        name: row.name,
        online,
        machine: status?.machine ?? null,
        models: status?.models ?? [],
        createdAt: new Date(row.createdAt).toISOString(),
        lastSeenAt: toIso(online ? now : row.lastSeenAt),
      };
    });
    return c.json({ agents } satisfies z.infer<typeof agentListSchema>);
  });
}

function toIso(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}

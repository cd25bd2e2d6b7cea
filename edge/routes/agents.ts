import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { modelInfoSchema } from "../../shared/inference/model.ts";
import { healthSchema, machineSchema, speedSchema } from "../../shared/protocol/messages.ts";
import type { AppEnv } from "../env.ts";
import { agentsOf } from "../home/list-agents.ts";
import { accountOf } from "../middleware/authenticate.ts";

const agentSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    online: z.boolean(),
    machine: machineSchema
      .nullable()
      .openapi({ description: "As it announced itself last; null before the first time." }),
    version: z.string().nullable().openapi({ description: "Of Porchlight on it." }),
    models: z.array(modelInfoSchema),
    running: z.number().int().openapi({ description: "Requests that it answers for this edge now." }),
    speed: speedSchema.nullable().openapi({ description: "Of its default model, as tried last." }),
    draining: z.boolean().openapi({ description: "Out of service: it finishes what runs and gets no new work." }),
    healthy: z
      .boolean()
      .openapi({ description: "Whether it answers its trials; one that does not gets no work until it does." }),
    health: healthSchema.nullable().openapi({ description: "Its last trial; null for a machine that makes none." }),
    wakeable: z.boolean().openapi({ description: "Whether it sleeps and a machine on its network could wake it." }),
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
    const agents = (await agentsOf(c.env, accountOf(c).id)).map(({ id, name, createdAt, lastSeenAt, status }) => ({
      id,
      name,
      online: status?.online ?? false,
      machine: status?.machine ?? null,
      version: status?.version ?? null,
      models: status?.models ?? [],
      running: status?.running ?? 0,
      speed: status?.speed ?? null,
      draining: status?.draining ?? false,
      healthy: status?.healthy ?? true,
      health: status?.health ?? null,
      wakeable: status?.wakeable ?? false,
      createdAt: new Date(createdAt).toISOString(),
      lastSeenAt: lastSeenAt === null ? null : new Date(lastSeenAt).toISOString(),
    }));
    return c.json({ agents } satisfies z.infer<typeof agentListSchema>);
  });
}

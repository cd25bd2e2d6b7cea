import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { findAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";

const paramsSchema = z.object({ id: z.string().max(128) });
const drainedSchema = z.object({ draining: z.boolean() }).openapi("AgentDrained");
const wokenSchema = z
  .object({
    state: z.enum(["awake", "asked", "under_way"]).openapi({
      description: "`asked`: a machine on its network sends the packet now; `under_way`: that was moments ago.",
    }),
  })
  .openapi("AgentWoken");

const drained = {
  200: { description: "How it is to be from now on.", content: jsonContent(drainedSchema) },
  ...errorResponses("invalid_api_key", "forbidden", "not_found"),
};

const drainRoute = createRoute({
  method: "post",
  path: "/api/agents/{id}/drain",
  operationId: "drainAgent",
  tags: ["Machines"],
  summary: "Take a home machine out of service",
  description:
    "It finishes what it is at and gets no new work, over restarts, until it is brought back: here, on the Machines page, or by " +
    "`porchlight undrain` on the machine. An offline machine learns of it when it comes. Owner only.",
  request: { params: paramsSchema },
  responses: drained,
});

const undrainRoute = createRoute({
  method: "delete",
  path: "/api/agents/{id}/drain",
  operationId: "undrainAgent",
  tags: ["Machines"],
  summary: "Bring a home machine back into service",
  description: "Wherever it was taken out of service: here, or by `porchlight drain` on the machine. Owner only.",
  request: { params: paramsSchema },
  responses: drained,
});

const wakeRoute = createRoute({
  method: "post",
  path: "/api/agents/{id}/wake",
  operationId: "wakeAgent",
  tags: ["Machines"],
  summary: "Wake a home machine that sleeps",
  description:
    "By Wake-on-LAN, through a machine of yours that is awake on the same network. Both must allow it: `porchlight wake on`. " +
    "A request that only a sleeping machine can answer wakes it by itself.",
  request: { params: paramsSchema },
  responses: {
    200: { description: "It is awake, or on its way.", content: jsonContent(wokenSchema) },
    ...errorResponses("invalid_api_key", "forbidden", "not_found", "wake_impossible"),
  },
});

const IMPOSSIBLE = {
  not_allowed: "Nobody has allowed waking it yet. Run 'porchlight wake on' on that machine while it is up.",
  no_sibling:
    "No machine of yours is awake on its network that may wake it. Run 'porchlight wake on' on one that stays on.",
} as const;

export function mountAgentService(app: OpenAPIHono<AppEnv>): void {
  for (const route of [drainRoute, undrainRoute, wakeRoute]) registerRoute(app, route);
  app.post("/api/agents/:id/drain", async (c) => await drain(c, true));
  app.delete("/api/agents/:id/drain", async (c) => await drain(c, false));

  app.post("/api/agents/:id/wake", async (c) => {
    const { id } = await ownAgent(c);
    const state = await homeOf(c.env, accountOf(c).id).wake(id);
    // A machine that never came has said nothing of how to wake it.
    if (state === "unknown") throw new PorchlightError("wake_impossible", IMPOSSIBLE.not_allowed);
    if (state === "not_allowed" || state === "no_sibling")
      throw new PorchlightError("wake_impossible", IMPOSSIBLE[state]);
    return c.json({ state } satisfies z.infer<typeof wokenSchema>);
  });
}

async function drain(c: Context<AppEnv>, draining: boolean): Promise<Response> {
  const { id, name } = await ownAgent(c);
  await homeOf(c.env, accountOf(c).id).drain(id, draining);
  await audit(c, draining ? "agent_drained" : "agent_undrained", { target: name });
  return c.json({ draining } satisfies z.infer<typeof drainedSchema>);
}

/** The machine of the path. Throws `not_found` for one of another household, and for one that is revoked. */
async function ownAgent(c: Context<AppEnv>): Promise<{ id: string; name: string }> {
  const found = await findAgent(database(c.env.DB), c.req.param("id") ?? "");
  if (found === undefined || found.accountId !== accountOf(c).id || found.revokedAt !== null) {
    throw new PorchlightError("not_found", "There is no such machine. GET /api/agents lists those there are.");
  }
  return found;
}

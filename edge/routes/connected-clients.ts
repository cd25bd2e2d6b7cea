import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { disconnect } from "../oauth/tokens.ts";
import { database } from "../store/database.ts";
import { listGrants, type OauthGrant } from "../store/oauth.ts";

const described = { tags: ["Plugins"] };
const clientSchema = z
  .object({
    id: z.string(),
    name: z.string().openapi({ description: "Its own word." }),
    redirectTo: z.string().openapi({ description: "Where you were sent back to when you let it in." }),
    connectedAt: z.string(),
    lastUsedAt: z.string().nullable(),
  })
  .openapi("ConnectedClient");
const listSchema = z.object({ clients: z.array(clientSchema) }).openapi("ConnectedClientList");
const params = z.object({ id: z.string().max(64) });

const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/connected-clients",
  operationId: "listConnectedClients",
  summary: "Programs that you let in by OAuth: they call your tools at /mcp",
  responses: {
    200: { description: "Them.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});
const removeRoute = createRoute({
  ...described,
  method: "delete",
  path: "/api/connected-clients/{id}",
  operationId: "disconnectClient",
  summary: "Disconnect a program: its tokens end at once, everywhere within 30 seconds",
  request: { params },
  responses: { 204: { description: "Disconnected." }, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});

/** `/api/connected-clients`: one's own. */
export function mountConnectedClients(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const grants = await listGrants(database(c.env.DB), accountOf(c).userId, Date.now());
    return c.json({ clients: grants.map(shown) } satisfies z.input<typeof listSchema>);
  });

  registerRoute(app, removeRoute);
  app.delete("/api/connected-clients/:id", async (c) => {
    const name = await disconnect(database(c.env.DB), c.req.param("id"), accountOf(c).userId);
    if (name === undefined) throw new PorchlightError("not_found", "You have let in no such program. Reload the page.");
    await audit(c, "client_disconnected", { target: name });
    return c.body(null, 204);
  });
}

function shown({ id, clientName, redirectTo, createdAt, lastUsedAt }: OauthGrant): z.input<typeof clientSchema> {
  const times = {
    connectedAt: new Date(createdAt).toISOString(),
    lastUsedAt: lastUsedAt === null ? null : new Date(lastUsedAt).toISOString(),
  };
  return { id, name: clientName, redirectTo, ...times };
}

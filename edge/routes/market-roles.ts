import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { listMarketPeople, requireMarketRole, setMarketRole } from "../market/roles.ts";
import { setOfficial } from "../market/store/publishers.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";

const roleSchema = z.object({
  userId: z.string(),
  name: z.string(),
  role: z.enum(["reviewer", "administrator"]).nullable(),
  grantedAt: z.iso.datetime().nullable(),
});
const listSchema = z.object({ roles: z.array(roleSchema) }).openapi("MarketRoles");
const putSchema = z
  .strictObject({
    role: z.enum(["reviewer", "administrator"]).nullable().openapi({ description: "Null: none any more." }),
  })
  .openapi("MarketRoleGrant", { example: { role: "reviewer" } });
const officialSchema = z.strictObject({ official: z.boolean() }).openapi("PublisherStanding");

const described = { tags: ["Market"] };
const params = z.object({ id: z.string().max(128) });
const list = {
  200: { description: "Everybody of this edge. Its owners are administrators.", content: jsonContent(listSchema) },
};
const refusals = errorResponses("invalid_api_key", "market_role_needed", "not_found");

const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/roles",
  operationId: "listMarketRoles",
  summary: "Who reviews and who administers this market",
  responses: { ...list, ...errorResponses("invalid_api_key", "market_role_needed") },
});
const putRoute = createRoute({
  ...described,
  method: "put",
  path: "/api/market/roles/{id}",
  operationId: "setMarketRole",
  summary: "Make somebody of this edge a reviewer, or no longer one",
  request: { params, body: jsonBody(putSchema) },
  responses: { ...list, ...refusals, ...errorResponses("invalid_request") },
});
const officialRoute = createRoute({
  ...described,
  method: "put",
  path: "/api/market/publishers/{id}/official",
  operationId: "setPublisherOfficial",
  summary: "Say whether a publisher may ask for its plugins to be official",
  request: { params, body: jsonBody(officialSchema) },
  responses: {
    200: { description: "As it is now.", content: jsonContent(officialSchema) },
    ...refusals,
    ...errorResponses("invalid_request"),
  },
});

/** Who is what in this market: the administrators say. */
export function mountMarketRoles(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const db = database(c.env.DB);
    await requireMarketRole(db, accountOf(c), "administrator");
    return c.json(await shown(c));
  });

  registerRoute(app, putRoute);
  app.put("/api/market/roles/:id", async (c) => {
    const { role } = await readJsonBody(c.req.raw, putSchema);
    const [db, account] = [database(c.env.DB), accountOf(c)];
    await requireMarketRole(db, account, "administrator");
    const userId = c.req.param("id");
    if (
      !(await setMarketRole(db, { userId, accountId: account.id, role, grantedBy: account.userId, nowMs: Date.now() }))
    )
      throw new PorchlightError("not_found", "There is nobody of this id at this edge.");
    await audit(c, "market_role_changed", { target: `${userId}: ${role ?? "none"}` });
    return c.json(await shown(c));
  });

  registerRoute(app, officialRoute);
  app.put("/api/market/publishers/:id/official", async (c) => {
    const { official } = await readJsonBody(c.req.raw, officialSchema);
    const db = database(c.env.DB);
    await requireMarketRole(db, accountOf(c), "administrator");
    const id = c.req.param("id");
    if (!(await setOfficial(db, id, official))) throw new PorchlightError("not_found", "There is no such publisher.");
    await audit(c, "market_role_changed", { target: `${id}: ${official ? "official" : "not official"}` });
    return c.json({ official });
  });
}

async function shown(c: Context<AppEnv>): Promise<z.infer<typeof listSchema>> {
  const people = await listMarketPeople(database(c.env.DB), accountOf(c).id);
  return {
    roles: people.map(({ userId, name, role, grantedAt }) => ({
      userId,
      name,
      role,
      grantedAt: grantedAt === null ? null : new Date(grantedAt).toISOString(),
    })),
  };
}

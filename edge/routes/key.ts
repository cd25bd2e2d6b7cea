import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import { keyCache } from "../credentials/key-cache.ts";
import { grantOf } from "../credentials/stored-grant.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { type ApiKeyChange, changeApiKey, revokeApiKey } from "../store/api-keys.ts";
import { database } from "../store/database.ts";
import { findUser } from "../store/users.ts";
import { keyChangeSchema, keySchema, shownKey } from "./key-schema.ts";
import { onlyOwn } from "./keys.ts";

const params = z.object({ id: z.string().max(128) });

const changeRoute = createRoute({
  method: "patch",
  path: "/api/keys/{id}",
  operationId: "changeKey",
  tags: ["Keys"],
  summary: "Change an API key",
  description: "Its name, models, priority and limits. Its scopes and its end stay: make another key for that.",
  request: { params, body: jsonBody(keyChangeSchema) },
  responses: {
    200: { description: "The key as it is now.", content: jsonContent(keySchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "not_found"),
  },
});

const revokeRoute = createRoute({
  method: "delete",
  path: "/api/keys/{id}",
  operationId: "revokeKey",
  tags: ["Keys"],
  summary: "Revoke an API key",
  description: "What it is running ends at once, and nothing is started with it any more.",
  request: { params },
  responses: { 204: { description: "Revoked." }, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});

/** `PATCH` and `DELETE /api/keys/{id}`. The Home object hears of both at once; what else is cached ends within 30 seconds. */
export function mountKey(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, changeRoute);
  app.patch("/api/keys/:id", async (c) => {
    const change = await readJsonBody(c.req.raw, keyChangeSchema);
    const account = accountOf(c);
    const db = database(c.env.DB);
    const of = { accountId: account.id, userId: onlyOwn(account), id: c.req.param("id") };
    const key = await changeApiKey(db, of, toColumns(change), Date.now());
    if (!key) throw noSuchKey();
    keyCache.delete(key.hash);
    const { id, version, limits } = grantOf(key);
    await homeOf(c.env, account.id).keyChanged({ id, version, limits });
    await audit(c, "key_changed", { target: key.name });
    const person = key.userId === null ? undefined : await findUser(db, key.userId);
    return c.json(shownKey(key, person?.name ?? "") satisfies z.infer<typeof keySchema>);
  });

  registerRoute(app, revokeRoute);
  app.delete("/api/keys/:id", async (c) => {
    const account = accountOf(c);
    const of = { accountId: account.id, userId: onlyOwn(account), id: c.req.param("id") };
    const key = await revokeApiKey(database(c.env.DB), of, Date.now());
    if (!key) throw noSuchKey();
    keyCache.delete(key.hash);
    await homeOf(c.env, account.id).keyRevoked(key.id);
    await audit(c, "key_revoked", { target: key.name });
    return c.body(null, 204);
  });
}

function noSuchKey(): PorchlightError {
  return new PorchlightError("not_found", "There is no such key, or it is not yours. Reload the page.");
}

function toColumns({ name, models, priority, limits }: z.infer<typeof keyChangeSchema>): ApiKeyChange {
  return {
    ...(name === undefined ? {} : { name }),
    ...(models === undefined ? {} : { models: models === null ? null : JSON.stringify(models) }),
    ...(priority === undefined ? {} : { priority }),
    ...(limits?.requestsPerMinute === undefined ? {} : { requestsPerMinute: limits.requestsPerMinute }),
    ...(limits?.tokensPerDay === undefined ? {} : { tokensPerDay: limits.tokensPerDay }),
    ...(limits?.nodeSecondsPerDay === undefined ? {} : { nodeSecondsPerDay: limits.nodeSecondsPerDay }),
  };
}

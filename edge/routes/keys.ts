import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { createApiKey, shownPrefix } from "../credentials/api-key.ts";
import { audit } from "../credentials/audit.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import { hashSecret } from "../credentials/secret.ts";
import type { Account, AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { type ApiKeyRow, listApiKeys, putApiKey } from "../store/api-keys.ts";
import { database } from "../store/database.ts";
import { expiryOf, keySchema, newKeySchema, shownKey, storedScopes } from "./key-schema.ts";

const listSchema = z.object({ keys: z.array(keySchema) }).openapi("KeyList");
const madeSchema = keySchema
  .extend({ apiKey: z.string().openapi({ description: "The key. It is shown once: only its hash is kept." }) })
  .openapi("MadeKey");

const listRoute = createRoute({
  method: "get",
  path: "/api/keys",
  operationId: "listKeys",
  tags: ["Keys"],
  summary: "List the API keys",
  description: "The owner sees everybody's, a member their own.",
  responses: {
    200: { description: "Every key that was not revoked.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});

const makeRoute = createRoute({
  method: "post",
  path: "/api/keys",
  operationId: "createKey",
  tags: ["Keys"],
  summary: "Make an API key",
  description: "The key is yours: it may do what you may and its scopes allow, within its limits.",
  request: { body: jsonBody(newKeySchema) },
  responses: {
    201: { description: "The key, this one time.", content: jsonContent(madeSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "too_many_keys"),
  },
});

/** `GET` and `POST /api/keys`. */
export function mountKeys(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const account = accountOf(c);
    const rows = await listApiKeys(database(c.env.DB), account.id, onlyOwn(account));
    const keys = rows.map(({ key, userName }) => shownKey(key, userName));
    return c.json({ keys } satisfies z.infer<typeof listSchema>);
  });
  registerRoute(app, makeRoute);
  app.post(makeRoute.path, async (c) => {
    const wanted = await readJsonBody(c.req.raw, newKeySchema);
    const account = accountOf(c);
    const apiKey = createApiKey();
    const key = await newRow(account, apiKey, wanted);
    if (!(await putApiKey(database(c.env.DB), key, CREDENTIAL_LIMITS.keysPerPerson))) {
      throw new PorchlightError("too_many_keys");
    }
    await audit(c, "key_made", { target: `${key.name} (${key.scope})` });
    c.header("cache-control", "no-store");
    return c.json({ ...shownKey(key, account.userName), apiKey } satisfies z.infer<typeof madeSchema>, 201);
  });
}

/** Whose keys somebody may see and touch: the owner's view is not narrowed. */
export function onlyOwn({ role, userId }: Account): string | undefined {
  return role === "owner" ? undefined : userId;
}

async function newRow(account: Account, apiKey: string, wanted: z.infer<typeof newKeySchema>): Promise<ApiKeyRow> {
  const now = Date.now();
  return {
    id: crypto.randomUUID(),
    accountId: account.id,
    userId: account.userId,
    hash: await hashSecret(apiKey),
    prefix: shownPrefix(apiKey),
    name: wanted.name,
    scope: storedScopes(wanted.scopes),
    models: wanted.models === null ? null : JSON.stringify(wanted.models),
    priority: wanted.priority,
    ...wanted.limits,
    createdAt: now,
    updatedAt: now,
    expiresAt: expiryOf(wanted.expiresInDays, now),
    lastUsedAt: null,
    revokedAt: null,
  };
}

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { createApiKey, shownPrefix } from "../credentials/api-key.ts";
import { audit } from "../credentials/audit.ts";
import { checkSetupToken } from "../credentials/owner-setup.ts";
import { hashSecret } from "../credentials/secret.ts";
import type { AppEnv } from "../env.ts";
import { personNameSchema } from "./person-schema.ts";
import { createOwner } from "../store/accounts.ts";
import { database } from "../store/database.ts";

const setupSchema = z
  .strictObject({
    token: z.string().max(512).openapi({ description: "The SETUP_TOKEN that the edge was started with." }),
    name: personNameSchema.optional().openapi({ description: "What to call the owner." }),
  })
  .openapi("Setup", { example: { token: "the set-up token", name: "Owner" } });

const setupResultSchema = z
  .object({
    account: z.object({ id: z.string(), name: z.string() }),
    apiKey: z.string().openapi({ description: "The owner's key. It is shown once: only its hash is kept." }),
  })
  .openapi("SetupResult");

const route = createRoute({
  method: "post",
  path: "/api/setup",
  operationId: "setUp",
  tags: ["Access"],
  summary: "Make the first account",
  description: "Works once: the first account is the owner.",
  security: [],
  request: { body: jsonBody(setupSchema) },
  responses: {
    201: { description: "The owner's account and key.", content: jsonContent(setupResultSchema) },
    ...errorResponses("invalid_request", "setup_disabled", "invalid_setup_token", "already_set_up"),
  },
});

export function mountSetup(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    const { token, name = "Owner" } = await readJsonBody(c.req.raw, setupSchema);
    await checkSetupToken(c, token);
    const apiKey = createApiKey();
    const account = { id: crypto.randomUUID(), name };
    const key = {
      id: crypto.randomUUID(),
      hash: await hashSecret(apiKey),
      prefix: shownPrefix(apiKey),
      name: "Owner's first key",
    };
    const userId = crypto.randomUUID();
    const made = await createOwner(database(c.env.DB), { ...account, userId, key, nowMs: Date.now() });
    if (!made) throw new PorchlightError("already_set_up");
    await audit(c, "set_up", { target: "key", actor: { accountId: account.id, id: userId, name } });
    return c.json({ account, apiKey } satisfies z.infer<typeof setupResultSchema>, 201);
  });
}

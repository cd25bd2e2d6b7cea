import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { audit } from "../credentials/audit.ts";
import { issueCode } from "../credentials/one-time-code.ts";
import { requireFresh } from "../credentials/require-fresh.ts";
import type { AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { originOf } from "../origin.ts";
import { database } from "../store/database.ts";

const emptySchema = z.strictObject({});

const pairingCodeSchema = z
  .object({
    code: z.string(),
    url: z.url().openapi({ description: "What `porchlight connect` takes." }),
    expiresAt: z.iso.datetime(),
  })
  .openapi("PairingCode");

const route = createRoute({
  method: "post",
  path: "/api/pairing-codes",
  operationId: "createPairingCode",
  tags: ["Machines"],
  summary: "Invite a home machine",
  description: "The code lets one machine in, once, within ten minutes. Owner only.",
  request: { body: jsonBody(emptySchema, false) },
  responses: {
    201: { description: "The code, and the address that carries it.", content: jsonContent(pairingCodeSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});

export function mountPairingCodes(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    await readJsonBody(c.req.raw, emptySchema, { optional: true });
    const origin = originOf(c);
    // A machine sees what people write: no session that lies around somewhere may let one in.
    if (accountOf(c).session) await requireFresh(c);
    const { code, expiresAt } = await issueCode(database(c.env.DB), "pairing", accountOf(c));
    await audit(c, "pairing_code_made");
    const result: z.infer<typeof pairingCodeSchema> = { code, url: `${origin}/j/${code}`, expiresAt };
    return c.json(result, 201);
  });
}

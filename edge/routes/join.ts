import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { machineSchema } from "../../shared/protocol/messages.ts";
import { verifyEnrolment } from "../../shared/protocol/signatures.ts";
import { audit } from "../credentials/audit.ts";
import { redeemGuarded } from "../credentials/attempts.ts";
import type { AppEnv } from "../env.ts";
import { originOf } from "../origin.ts";
import { pairAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";

const joinSchema = z
  .strictObject({
    publicKey: z.string().length(43).openapi({ description: "The machine's Ed25519 key: 32 bytes, base64url." }),
    name: machineSchema.shape.name,
    signature: z.string().length(86).openapi({
      description: "Ed25519 over label, origin and code (see PROTOCOL.md): who asks holds the key's private half.",
    }),
  })
  .openapi("Join");

const joinResultSchema = z
  .object({
    agentId: z.string(),
    origin: z.url().openapi({ description: "What the machine's later proofs are signed for." }),
    tunnelUrl: z.string().openapi({ description: "Where it dials, ws or wss." }),
  })
  .openapi("JoinResult");

const route = createRoute({
  method: "post",
  path: "/j/{code}",
  operationId: "join",
  tags: ["Machines"],
  summary: "Pair a home machine",
  description: "What `porchlight connect` calls. The same key again is the same machine.",
  security: [],
  request: { params: z.object({ code: z.string().max(64) }), body: jsonBody(joinSchema) },
  responses: {
    201: { description: "Paired.", content: jsonContent(joinResultSchema) },
    ...errorResponses("invalid_request", "code_used_or_expired"),
  },
});

export function mountJoin(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.post("/j/:code", async (c) => {
    const code = c.req.param("code");
    const { publicKey, name, signature } = await readJsonBody(c.req.raw, joinSchema);
    const origin = originOf(c);
    // Before the code is used up: a machine that signs for another address can mend that and come again.
    if (!(await verifyEnrolment(publicKey, signature, { origin, code }))) {
      throw new PorchlightError(
        "invalid_request",
        `Invalid value for 'signature': it is not this key's over this code and the origin ${origin}.`,
        { param: "signature" },
      );
    }
    const db = database(c.env.DB);
    const { accountId } = await redeemGuarded(c, "pairing", code);
    const agent = { id: crypto.randomUUID(), accountId, name, publicKey, createdAt: Date.now() };
    const agentId = await pairAgent(db, agent);
    await audit(c, "agent_paired", { target: name, actor: { accountId, id: agentId, name } });
    const tunnelUrl = `${origin.replace(/^http/, "ws")}/tunnel`;
    return c.json({ agentId, origin, tunnelUrl } satisfies z.infer<typeof joinResultSchema>, 201);
  });
}

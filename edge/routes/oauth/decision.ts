import type { Hono } from "hono";
import { z } from "zod";
import { readJsonBody } from "../../../shared/api/json-body.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { audit } from "../../credentials/audit.ts";
import { requireFresh } from "../../credentials/require-fresh.ts";
import { hashSecret } from "../../credentials/secret.ts";
import type { AppEnv } from "../../env.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { readAuthorizationRequest } from "../../oauth/authorization-request.ts";
import { issuerOf } from "../../oauth/issuer.ts";
import { OAUTH_LIMITS } from "../../oauth/limits.ts";
import { withAnswer } from "../../oauth/redirect-uri.ts";
import { newSecret } from "../../oauth/tokens.ts";
import { database } from "../../store/database.ts";
import { putGrant } from "../../store/oauth.ts";

const bodySchema = z.strictObject({
  /** Of the address that the client sent its person to. */
  query: z.string().max(8_192),
  decision: z.enum(["allow", "deny"]),
});

/**
 * `POST /api/oauth/decision`: the person's word at `/oauth/authorize`, by that page alone (see middleware/same-origin.ts). The request is
 * judged anew: nothing of it was kept. Answers the address to go to.
 */
export function mountOauthDecision(app: Hono<AppEnv>): void {
  app.post("/api/oauth/decision", async (c) => {
    const { query, decision } = await readJsonBody(c.req.raw, bodySchema);
    const read = await readAuthorizationRequest(c, query);
    if ("problem" in read) throw new PorchlightError("invalid_request", read.problem.words);
    const { client, redirectUri, challenge, state, scope, resource } = read.asked;
    const iss = issuerOf(c);
    if (decision === "deny") return c.json({ to: withAnswer(redirectUri, { error: "access_denied", state, iss }) });
    await requireFresh(c);
    const now = Date.now();
    const code = newSecret("code");
    const id = crypto.randomUUID();
    await putGrant(
      database(c.env.DB),
      {
        id,
        userId: accountOf(c).userId,
        clientId: client.id,
        clientName: client.name,
        redirectTo: redirectUri,
        scope,
        resource,
        createdAt: now,
      },
      { hash: await hashSecret(code), grantId: id, redirectUri, challenge, expiresAt: now + OAUTH_LIMITS.codeMs },
      { atMost: OAUTH_LIMITS.grantsPerPerson, clientUntil: now + OAUTH_LIMITS.clientMs },
    );
    await audit(c, "client_let_in", { target: client.name });
    return c.json({ to: withAnswer(redirectUri, { code, state, iss }) });
  });
}

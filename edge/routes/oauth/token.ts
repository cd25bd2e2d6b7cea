import type { Context, Hono } from "hono";
import { z } from "zod";
import { verifyEnrolment } from "../../../shared/protocol/signatures.ts";
import { hasRole } from "../../access/roles.ts";
import { audit } from "../../credentials/audit.ts";
import { CREDENTIAL_LIMITS } from "../../credentials/limits.ts";
import { hashSecret } from "../../credentials/secret.ts";
import type { AppEnv } from "../../env.ts";
import { originOf } from "../../origin.ts";
import { pairAgent } from "../../store/agents.ts";
import { database } from "../../store/database.ts";
import { pollDeviceAuthorization, takeDeviceAuthorization } from "../../store/device-authorizations.ts";
import { findUser } from "../../store/users.ts";
import { exchangeCode, refreshTokens } from "./code-grant.ts";
import { parseMachine, readFields, refuseGrant } from "./form.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";

const formSchema = z.strictObject({
  grant_type: z.string().max(128),
  client_id: z.literal("porchlight"),
  device_code: z.string().max(128),
  /** Of an enrolment whose code is the device code. */
  signature: z.string().length(86),
});

/**
 * `POST /oauth/token`: see code-grant.ts for programs. RFC 8628, section 3.4: a machine asks whether it was let in. It gets no token: what it is let in by is the key
 * that it signs with, and what it may do is in this edge's record alone.
 */
export function mountToken(app: Hono<AppEnv>): void {
  app.post("/oauth/token", async (c) => {
    const fields = await readFields(c);
    if (fields instanceof Response) return fields;
    const { grant_type: grantType = "" } = fields;
    if (grantType === "authorization_code") return await exchangeCode(c, fields);
    if (grantType === "refresh_token") return await refreshTokens(c, fields);
    if (grantType !== GRANT_TYPE) return refuseGrant(c, "unsupported_grant_type", "This grant_type is not known here.");
    const form = parseMachine(c, fields, formSchema);
    if (form instanceof Response) return form;
    const hash = await hashSecret(form.device_code);
    const limits = { stepMs: CREDENTIAL_LIMITS.pollStepMs, maxMs: CREDENTIAL_LIMITS.pollMaxMs };
    const now = Date.now();
    const polled = await pollDeviceAuthorization(database(c.env.DB), hash, limits, now);
    if (polled === undefined) {
      return refuseGrant(c, "invalid_grant", "This device code is not known, or was used already. Begin again.");
    }
    if (polled === "too_fast")
      return refuseGrant(c, "slow_down", "Ask less often: wait five seconds longer each time.");
    const claims = { origin: originOf(c), code: form.device_code };
    if (!(await verifyEnrolment(polled.publicKey, form.signature, claims))) {
      return refuseGrant(c, "invalid_grant", "'signature' is not of the key that asked for this device code.");
    }
    if (polled.expiresAt <= now) {
      return refuseGrant(c, "expired_token", "Nobody approved this machine in time. Begin again.");
    }
    if (polled.state === "pending") {
      return refuseGrant(c, "authorization_pending", "The owner has not decided yet.");
    }
    return await finish(c, hash);
  });
}

/** Binds the key that was approved, or says that it was denied; either way the device code is used up. */
async function finish(c: Context<AppEnv>, hash: string): Promise<Response> {
  const db = database(c.env.DB);
  const taken = await takeDeviceAuthorization(db, hash);
  if (!taken) return refuseGrant(c, "invalid_grant", "This device code was used already. Begin again.");
  // Whoever approved must be the owner still.
  const approver = taken.decidedBy === null ? undefined : await findUser(db, taken.decidedBy);
  if (taken.state !== "approved" || approver === undefined || !hasRole(approver.role, "owner")) {
    return refuseGrant(c, "access_denied", "The owner did not let this machine in.");
  }
  const { accountId } = approver;
  const { name, publicKey } = taken;
  const agentId = await pairAgent(db, { id: crypto.randomUUID(), accountId, name, publicKey, createdAt: Date.now() });
  await audit(c, "agent_paired", { target: name, actor: { accountId, id: agentId, name } });
  const origin = originOf(c);
  c.header("cache-control", "no-store");
  return c.json({ agent_id: agentId, origin, tunnel_url: `${origin.replace(/^http/, "ws")}/tunnel` });
}

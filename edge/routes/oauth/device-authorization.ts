import type { Hono } from "hono";
import { z } from "zod";
import { machineSchema } from "../../../shared/protocol/messages.ts";
import { verifyDevice } from "../../../shared/protocol/signatures.ts";
import { attempt } from "../../credentials/attempts.ts";
import { clientOf } from "../../credentials/client.ts";
import { CREDENTIAL_LIMITS } from "../../credentials/limits.ts";
import { hashSecret, randomSecret } from "../../credentials/secret.ts";
import { randomUserCode } from "../../credentials/user-code.ts";
import type { AppEnv } from "../../env.ts";
import { originOf } from "../../origin.ts";
import { database } from "../../store/database.ts";
import { putDeviceAuthorization } from "../../store/device-authorizations.ts";
import { readForm, refuseGrant } from "./form.ts";

const formSchema = z.strictObject({
  client_id: z.literal("porchlight"),
  public_key: z.string().length(43),
  name: machineSchema.shape.name,
  /** What it runs on, in its own words, such as "linux x64". */
  system: z.string().max(64).default(""),
  signature: z.string().length(86),
});

/** `POST /oauth/device_authorization` (RFC 8628, section 3.1): a machine without a pairing link asks for a code to show. */
export function mountDeviceAuthorization(app: Hono<AppEnv>): void {
  app.post("/oauth/device_authorization", async (c) => {
    const form = await readForm(c, formSchema);
    if (form instanceof Response) return form;
    const origin = originOf(c);
    const { public_key: publicKey, name, system, signature } = form;
    if (!(await verifyDevice(publicKey, signature, { origin, name }))) {
      return refuseGrant(
        c,
        "invalid_request",
        `'signature' is not this key's over this name and the origin ${origin}.`,
      );
    }
    await attempt(c, "deviceStart");
    const deviceCode = randomSecret(CREDENTIAL_LIMITS.deviceCodeBytes);
    const userCode = randomUserCode();
    const now = Date.now();
    await putDeviceAuthorization(database(c.env.DB), {
      hash: await hashSecret(deviceCode),
      id: crypto.randomUUID(),
      userCodeHash: await hashSecret(userCode),
      publicKey,
      name,
      system,
      address: clientOf(c).address,
      createdAt: now,
      expiresAt: now + CREDENTIAL_LIMITS.deviceMs,
      intervalMs: CREDENTIAL_LIMITS.pollMs,
      lastPolledAt: 0,
      state: "pending",
    });
    c.header("cache-control", "no-store");
    return c.json({
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: `${origin}/device`,
      verification_uri_complete: `${origin}/device?user_code=${userCode}`,
      expires_in: CREDENTIAL_LIMITS.deviceMs / 1000,
      interval: CREDENTIAL_LIMITS.pollMs / 1000,
    });
  });
}

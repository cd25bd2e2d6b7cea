import { z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { attempt } from "../credentials/attempts.ts";
import { audit } from "../credentials/audit.ts";
import { beginCeremony } from "../credentials/ceremony.ts";
import { assertionOptions } from "../credentials/passkey.ts";
import { assertionSchema } from "../credentials/passkey-schema.ts";
import { provePasskey } from "../credentials/prove-passkey.ts";
import { relyingParty } from "../credentials/relying-party.ts";
import type { AppEnv } from "../env.ts";
import { accountOf, sessionOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";
import { listPasskeys } from "../store/passkeys.ts";
import { confirmSession } from "../store/sessions.ts";

const emptySchema = z.strictObject({});
const passkeySchema = z.strictObject({ response: assertionSchema });

/** A fresh proof that the person of this session is there, before something dangerous. It counts for five minutes. */
export function mountConfirm(app: Hono<AppEnv>): void {
  app.post("/api/confirm/options", async (c) => {
    await readJsonBody(c.req.raw, emptySchema, { optional: true });
    const party = relyingParty(c);
    await attempt(c, "ceremony");
    const db = database(c.env.DB);
    const { userId } = accountOf(c);
    const passkeys = await listPasskeys(db, userId);
    if (passkeys.length === 0) throw new PorchlightError("confirmation_needed", "You have no passkey. Sign in again.");
    const options = await assertionOptions(party, passkeys);
    await beginCeremony(db, "confirm", options.challenge, { subject: userId });
    return c.json(options);
  });

  app.post("/api/confirm", async (c) => {
    const { response } = await readJsonBody(c.req.raw, passkeySchema);
    const succeeded = await attempt(c, "address");
    const { userId, subject } = await provePasskey(c, "confirm", response);
    const mine = accountOf(c).userId;
    if (userId !== mine || subject !== mine) throw new PorchlightError("passkey_rejected");
    await succeeded();
    await confirmSession(database(c.env.DB), sessionOf(c).id, Date.now());
    await audit(c, "confirmed");
    return c.json({});
  });
}

import { z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import { beginCeremony, endCeremony } from "../credentials/ceremony.ts";
import { checkSetupToken } from "../credentials/owner-setup.ts";
import { checkRegistration, registrationOptions } from "../credentials/passkey.ts";
import { registrationSchema } from "../credentials/passkey-schema.ts";
import { issueRecoveryCodes } from "../credentials/recovery-code.ts";
import { relyingParty } from "../credentials/relying-party.ts";
import { startSession } from "../credentials/session.ts";
import type { AppEnv } from "../env.ts";
import { createOwner, hasOwner } from "../store/accounts.ts";
import { database } from "../store/database.ts";
import { passkeyNameSchema, personNameSchema } from "./person-schema.ts";

const tokenSchema = z.string().max(512);
const optionsSchema = z.strictObject({ token: tokenSchema, name: personNameSchema });
const finishSchema = z.strictObject({
  token: tokenSchema,
  passkeyName: passkeyNameSchema,
  response: registrationSchema,
});

/**
 * First-run set-up in a browser: `POST /api/setup/options` gives what the browser makes a passkey with, `POST /api/setup/passkey`
 * makes the owner, signs them in and answers with their recovery codes. Of several at once one becomes the owner.
 */
export function mountSetupPasskey(app: Hono<AppEnv>): void {
  app.post("/api/setup/options", async (c) => {
    const party = relyingParty(c);
    const { token, name } = await readJsonBody(c.req.raw, optionsSchema);
    await checkSetupToken(c, token);
    const db = database(c.env.DB);
    if (await hasOwner(db)) throw new PorchlightError("already_set_up");
    const id = crypto.randomUUID();
    const options = await registrationOptions(party, { id, name, passkeys: [] });
    await beginCeremony(db, "set_up", options.challenge, { subject: id, name });
    return c.json(options);
  });

  app.post("/api/setup/passkey", async (c) => {
    const party = relyingParty(c);
    const { token, passkeyName, response } = await readJsonBody(c.req.raw, finishSchema);
    await checkSetupToken(c, token);
    const db = database(c.env.DB);
    const ceremony = await endCeremony(db, "set_up", response.response.clientDataJSON);
    const { subject: userId, name, challenge } = ceremony;
    if (userId === null || name === null) throw new PorchlightError("passkey_rejected");
    const passkey = await checkRegistration(party, challenge, response, passkeyName);
    const accountId = crypto.randomUUID();
    const made = await createOwner(db, { id: accountId, userId, name, passkey, nowMs: Date.now() });
    if (!made) throw new PorchlightError("already_set_up");
    await audit(c, "set_up", { target: "passkey", actor: { accountId, id: userId, name } });
    await startSession(c, { id: userId, accountId, name }, "passkey", { confirmed: true });
    return c.json({ recoveryCodes: await issueRecoveryCodes(db, userId) }, 201);
  });
}

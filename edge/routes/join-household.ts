import { z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { attempt } from "../credentials/attempts.ts";
import { audit } from "../credentials/audit.ts";
import { beginCeremony, endCeremony } from "../credentials/ceremony.ts";
import { checkRegistration, registrationOptions } from "../credentials/passkey.ts";
import { registrationSchema } from "../credentials/passkey-schema.ts";
import { issueRecoveryCodes } from "../credentials/recovery-code.ts";
import { relyingParty } from "../credentials/relying-party.ts";
import { hashSecret } from "../credentials/secret.ts";
import { startSession } from "../credentials/session.ts";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { acceptInvitation, findInvitation } from "../store/invitations.ts";
import { findPasskey } from "../store/passkeys.ts";
import { findUserByName } from "../store/users.ts";
import { passkeyNameSchema, personNameSchema } from "./person-schema.ts";

const codeSchema = z.string().max(64);
const optionsSchema = z.strictObject({ code: codeSchema, name: personNameSchema });
const joinSchema = z.strictObject({ code: codeSchema, passkeyName: passkeyNameSchema, response: registrationSchema });

/** Somebody who was invited comes in: a name, a passkey, and the invitation is used up. */
export function mountJoinHousehold(app: Hono<AppEnv>): void {
  app.post("/api/join/options", async (c) => {
    const party = relyingParty(c);
    const { code, name } = await readJsonBody(c.req.raw, optionsSchema);
    const succeeded = await attempt(c, "address");
    const db = database(c.env.DB);
    if (!(await findInvitation(db, await hashSecret(code), Date.now()))) {
      throw new PorchlightError("code_used_or_expired");
    }
    await succeeded();
    await attempt(c, "ceremony");
    if (await findUserByName(db, name)) throw new PorchlightError("name_taken");
    const id = crypto.randomUUID();
    const options = await registrationOptions(party, { id, name, passkeys: [] });
    await beginCeremony(db, "join", options.challenge, { subject: id, name });
    return c.json(options);
  });

  app.post("/api/join", async (c) => {
    const party = relyingParty(c);
    const { code, passkeyName, response } = await readJsonBody(c.req.raw, joinSchema);
    const succeeded = await attempt(c, "address");
    const db = database(c.env.DB);
    const { subject: id, name, challenge } = await endCeremony(db, "join", response.response.clientDataJSON);
    if (id === null || name === null) throw new PorchlightError("passkey_rejected");
    const passkey = await checkRegistration(party, challenge, response, passkeyName);
    if (await findPasskey(db, passkey.id)) throw new PorchlightError("passkey_rejected");
    if (await findUserByName(db, name)) throw new PorchlightError("name_taken");
    const joined = await acceptInvitation(db, await hashSecret(code), { id, name, passkey }, Date.now());
    if (!joined) throw new PorchlightError("code_used_or_expired");
    if (joined === "taken") throw new PorchlightError("name_taken");
    await succeeded();
    const { accountId } = joined;
    await audit(c, "joined", { actor: { accountId, id, name } });
    await startSession(c, { id, accountId, name }, "passkey", { confirmed: true });
    return c.json({ recoveryCodes: await issueRecoveryCodes(db, id) }, 201);
  });
}

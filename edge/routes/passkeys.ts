import { z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { attempt } from "../credentials/attempts.ts";
import { audit } from "../credentials/audit.ts";
import { beginCeremony, endCeremony } from "../credentials/ceremony.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import { checkRegistration, registrationOptions } from "../credentials/passkey.ts";
import { registrationSchema } from "../credentials/passkey-schema.ts";
import { takesPasswords } from "../credentials/password.ts";
import { relyingParty } from "../credentials/relying-party.ts";
import type { AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";
import { addPasskey, findPasskey, listPasskeys, removePasskey, renamePasskey } from "../store/passkeys.ts";
import { passkeyNameSchema } from "./person-schema.ts";

const emptySchema = z.strictObject({});
const addSchema = z.strictObject({ name: passkeyNameSchema, response: registrationSchema });
const renameSchema = z.strictObject({ name: passkeyNameSchema });

/** One's own passkeys: add, rename, remove. */
export function mountPasskeys(app: Hono<AppEnv>): void {
  app.post("/api/account/passkeys/options", async (c) => {
    await readJsonBody(c.req.raw, emptySchema, { optional: true });
    const party = relyingParty(c);
    const db = database(c.env.DB);
    const { userId, userName } = accountOf(c);
    await attempt(c, "ceremony", userId);
    const passkeys = await listPasskeys(db, userId);
    if (passkeys.length >= CREDENTIAL_LIMITS.passkeys) {
      throw tooMany();
    }
    const options = await registrationOptions(party, { id: userId, name: userName, passkeys });
    await beginCeremony(db, "add", options.challenge, { subject: userId });
    return c.json(options);
  });

  app.post("/api/account/passkeys", async (c) => {
    const party = relyingParty(c);
    const { name, response } = await readJsonBody(c.req.raw, addSchema);
    const db = database(c.env.DB);
    const { userId } = accountOf(c);
    const { challenge, subject } = await endCeremony(db, "add", response.response.clientDataJSON);
    if (subject !== userId) throw new PorchlightError("passkey_rejected");
    const passkey = await checkRegistration(party, challenge, response, name);
    // An authenticator chooses the id: one that is known belongs to whom it belonged before.
    if (await findPasskey(db, passkey.id))
      throw new PorchlightError("passkey_rejected", "This passkey is known already.");
    if (!(await addPasskey(db, userId, passkey, CREDENTIAL_LIMITS.passkeys, Date.now()))) throw tooMany();
    await audit(c, "passkey_added", { target: name });
    return c.json({ id: passkey.id }, 201);
  });

  app.patch("/api/account/passkeys/:id", async (c) => {
    const { name } = await readJsonBody(c.req.raw, renameSchema);
    const { userId } = accountOf(c);
    if (!(await renamePasskey(database(c.env.DB), userId, c.req.param("id"), name))) throw notYours();
    await audit(c, "passkey_renamed", { target: name });
    return c.json({});
  });

  app.delete("/api/account/passkeys/:id", async (c) => {
    const db = database(c.env.DB);
    const { userId } = accountOf(c);
    const id = c.req.param("id");
    const passkey = await findPasskey(db, id);
    if (passkey?.userId !== userId) throw notYours();
    if (!(await removePasskey(db, userId, id, { passwords: takesPasswords(c.env) }))) {
      throw new PorchlightError("last_way_in");
    }
    await audit(c, "passkey_removed", { target: passkey.name });
    return c.body(null, 204);
  });
}

function tooMany(): PorchlightError {
  return new PorchlightError("invalid_request", `${CREDENTIAL_LIMITS.passkeys} passkeys are the most. Remove one.`);
}

function notYours(): PorchlightError {
  return new PorchlightError("not_found", "You have no such passkey. Reload the page.");
}

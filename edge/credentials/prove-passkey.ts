import type { Context } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { findPasskey, usePasskey } from "../store/passkeys.ts";
import { findUser } from "../store/users.ts";
import { audit } from "./audit.ts";
import { endCeremony } from "./ceremony.ts";
import { checkAssertion } from "./passkey.ts";
import type { Assertion } from "./passkey-schema.ts";
import { relyingParty } from "./relying-party.ts";

/**
 * Whose passkey signed this ceremony. Throws `passkey_rejected` for a wrong signature, a ceremony that is over, or a counter that did
 * not grow: then the authenticator may have been copied, and its person finds that in the audit log.
 */
export async function provePasskey(
  c: Context<AppEnv>,
  kind: "sign_in" | "confirm",
  response: Assertion,
): Promise<{ userId: string; subject: string | null }> {
  const db = database(c.env.DB);
  const { challenge, subject } = await endCeremony(db, kind, response.response.clientDataJSON);
  const passkey = await findPasskey(db, response.id);
  if (!passkey) {
    throw new PorchlightError("passkey_rejected", "This passkey is not known here. Use another, or a recovery code.");
  }
  const user = await findUser(db, passkey.userId);
  const actor = { accountId: user?.accountId ?? null, id: passkey.userId, name: user?.name ?? "" };
  const checked = await checkAssertion(relyingParty(c), challenge, response, passkey).catch(async (error: unknown) => {
    await audit(c, "sign_in_refused", { target: "passkey", actor });
    throw error;
  });
  if (await usePasskey(db, passkey.id, { ...checked, nowMs: Date.now() })) return { userId: passkey.userId, subject };
  await audit(c, "passkey_cloned", { target: passkey.name, actor });
  throw new PorchlightError("passkey_rejected", "This passkey may have been copied. Use another, and remove this one.");
}

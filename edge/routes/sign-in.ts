import { z } from "@hono/zod-openapi";
import type { Context, Hono } from "hono";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { attempt } from "../credentials/attempts.ts";
import { audit } from "../credentials/audit.ts";
import { beginCeremony } from "../credentials/ceremony.ts";
import { assertionOptions } from "../credentials/passkey.ts";
import { provePasskey } from "../credentials/prove-passkey.ts";
import { assertionSchema } from "../credentials/passkey-schema.ts";
import { checkPassword, takesPasswords } from "../credentials/password.ts";
import { redeemRecoveryCode } from "../credentials/recovery-code.ts";
import { relyingParty } from "../credentials/relying-party.ts";
import { hashSecret } from "../credentials/secret.ts";
import { startSession } from "../credentials/session.ts";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { countPasskeys } from "../store/passkeys.ts";
import { findUser, findUserByName } from "../store/users.ts";
import { personNameSchema } from "./person-schema.ts";

const emptySchema = z.strictObject({});
const passkeySchema = z.strictObject({ response: assertionSchema });
const passwordSchema = z.strictObject({ name: personNameSchema, password: z.string().max(1024) });
const recoverySchema = z.strictObject({ code: z.string().max(64) });

/** The three ways to sign in. None says whether there is such a person. */
export function mountSignIn(app: Hono<AppEnv>): void {
  app.post("/api/sign-in/options", async (c) => {
    await readJsonBody(c.req.raw, emptySchema, { optional: true });
    const party = relyingParty(c);
    await attempt(c, "ceremony");
    const options = await assertionOptions(party);
    await beginCeremony(database(c.env.DB), "sign_in", options.challenge);
    return c.json(options);
  });

  app.post("/api/sign-in", async (c) => {
    const { response } = await readJsonBody(c.req.raw, passkeySchema);
    const succeeded = await attempt(c, "address");
    const { userId } = await provePasskey(c, "sign_in", response);
    const user = await findUser(database(c.env.DB), userId);
    if (!user) throw new PorchlightError("passkey_rejected");
    await succeeded();
    await startSession(c, user, "passkey", { confirmed: true });
    return c.json({});
  });

  app.post("/api/sign-in/password", (c) => byPassword(c));

  app.post("/api/sign-in/recovery", async (c) => {
    const { code } = await readJsonBody(c.req.raw, recoverySchema);
    const succeeded = await attempt(c, "address");
    const db = database(c.env.DB);
    const userId = await redeemRecoveryCode(db, code);
    const user = userId === undefined ? undefined : await findUser(db, userId);
    if (!user) return await refuse(c, "recovery");
    await succeeded();
    await audit(c, "recovery_code_used", { actor: { accountId: user.accountId, id: user.id, name: user.name } });
    await startSession(c, user, "recovery", { confirmed: true });
    return c.json({});
  });
}

async function byPassword(c: Context<AppEnv>): Promise<Response> {
  const { name, password } = await readJsonBody(c.req.raw, passwordSchema);
  if (!takesPasswords(c.env)) throw new PorchlightError("passwords_off");
  // By address first: one who is locked out there must not lock names out for others.
  const addressSucceeded = await attempt(c, "address");
  const nameSucceeded = await attempt(c, "name", await hashSecret(name.toLowerCase()));
  const db = database(c.env.DB);
  const user = await findUserByName(db, name);
  const isRight = await checkPassword(password, user?.passwordHash ?? null);
  if (!user || !isRight) return await refuse(c, "password", user);
  await Promise.all([addressSucceeded(), nameSucceeded()]);
  // Whoever has passkeys confirms by them: a password that leaked is not enough for dangerous things.
  const confirmed = (await countPasskeys(db, user.id)) === 0;
  await startSession(c, user, "password", { confirmed });
  return c.json({});
}

/** Writes the failure down, for the household whose person's name was used if there is one. */
async function refuse(
  c: Context<AppEnv>,
  way: string,
  user?: { id: string; accountId: string; name: string },
): Promise<never> {
  const actor = { accountId: user?.accountId ?? null, id: user?.id ?? null, name: user?.name ?? "" };
  await audit(c, "sign_in_refused", { target: way, actor });
  throw new PorchlightError("sign_in_failed");
}

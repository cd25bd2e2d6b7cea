import { z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import { hashPassword, newPasswordSchema, takesPasswords } from "../credentials/password.ts";
import { issueRecoveryCodes } from "../credentials/recovery-code.ts";
import type { AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";
import { countPasskeys } from "../store/passkeys.ts";
import { renameUser, setPasswordHash } from "../store/users.ts";
import { personNameSchema } from "./person-schema.ts";

const emptySchema = z.strictObject({});
const nameSchema = z.strictObject({ name: personNameSchema });
const passwordSchema = z.strictObject({ password: newPasswordSchema });

/** One's own name, password and recovery codes. */
export function mountAccount(app: Hono<AppEnv>): void {
  app.patch("/api/account", async (c) => {
    const { name } = await readJsonBody(c.req.raw, nameSchema);
    if (!(await renameUser(database(c.env.DB), accountOf(c).userId, name))) throw new PorchlightError("name_taken");
    await audit(c, "renamed", { target: name });
    return c.json({});
  });

  app.post("/api/account/recovery-codes", async (c) => {
    await readJsonBody(c.req.raw, emptySchema, { optional: true });
    const recoveryCodes = await issueRecoveryCodes(database(c.env.DB), accountOf(c).userId);
    await audit(c, "recovery_codes_made");
    c.header("cache-control", "no-store");
    return c.json({ recoveryCodes }, 201);
  });

  app.put("/api/account/password", async (c) => {
    const { password } = await readJsonBody(c.req.raw, passwordSchema);
    if (!takesPasswords(c.env)) throw new PorchlightError("passwords_off");
    await setPasswordHash(database(c.env.DB), accountOf(c).userId, await hashPassword(password));
    await audit(c, "password_set");
    return c.json({});
  });

  app.delete("/api/account/password", async (c) => {
    const db = database(c.env.DB);
    const { userId } = accountOf(c);
    if ((await countPasskeys(db, userId)) === 0) throw new PorchlightError("last_way_in");
    await setPasswordHash(db, userId, null);
    await audit(c, "password_removed");
    return c.body(null, 204);
  });
}

import { z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { ROLES } from "../access/roles.ts";
import { audit } from "../credentials/audit.ts";
import { keyCache } from "../credentials/key-cache.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { listApiKeys } from "../store/api-keys.ts";
import { type Database, database } from "../store/database.ts";
import { findUser, removeUser, setRole } from "../store/users.ts";

const roleSchema = z.strictObject({ role: z.enum(ROLES) });

/** The owner changes what somebody may do, or removes them with all their keys and sessions. */
export function mountMembers(app: Hono<AppEnv>): void {
  app.patch("/api/members/:id", async (c) => {
    const { role } = await readJsonBody(c.req.raw, roleSchema);
    const db = database(c.env.DB);
    const { id: accountId } = accountOf(c);
    const member = await memberOf(db, accountId, c.req.param("id"));
    if (!(await setRole(db, accountId, member.id, role))) throw new PorchlightError("last_owner");
    for (const { key } of await listApiKeys(db, accountId, member.id)) keyCache.delete(key.hash);
    await audit(c, "role_changed", { target: `${member.name}: ${role}` });
    return c.json({});
  });

  app.delete("/api/members/:id", async (c) => {
    const db = database(c.env.DB);
    const { id: accountId } = accountOf(c);
    const member = await memberOf(db, accountId, c.req.param("id"));
    const keys = await listApiKeys(db, accountId, member.id);
    if (!(await removeUser(db, accountId, member.id))) throw new PorchlightError("last_owner");
    const home = homeOf(c.env, accountId);
    for (const { key } of keys) keyCache.delete(key.hash);
    // What the person and their programs are running ends, and starts no more from where it is cached still.
    await Promise.all([member.id, ...keys.map(({ key }) => key.id)].map((caller) => home.keyRevoked(caller)));
    await audit(c, "member_removed", { target: member.name });
    return c.body(null, 204);
  });
}

async function memberOf(db: Database, accountId: string, id: string) {
  const member = await findUser(db, id);
  if (member?.accountId !== accountId) {
    throw new PorchlightError("not_found", "This household has no such person. Reload the page.");
  }
  return member;
}

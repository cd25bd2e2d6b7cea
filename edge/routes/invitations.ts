import { z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { ROLES } from "../access/roles.ts";
import { audit } from "../credentials/audit.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import { hashSecret, randomSecret } from "../credentials/secret.ts";
import type { AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { originOf } from "../origin.ts";
import { database } from "../store/database.ts";
import { putInvitation, removeInvitation } from "../store/invitations.ts";

const inviteSchema = z.strictObject({ role: z.enum(ROLES) });

/** The owner invites somebody by a link that works once, or takes such a link back. */
export function mountInvitations(app: Hono<AppEnv>): void {
  app.post("/api/invitations", async (c) => {
    const { role } = await readJsonBody(c.req.raw, inviteSchema);
    const { id: accountId, userId } = accountOf(c);
    const code = randomSecret(CREDENTIAL_LIMITS.codeBytes);
    const now = Date.now();
    const expiresAt = now + CREDENTIAL_LIMITS.invitationMs;
    const invitation = { id: crypto.randomUUID(), accountId, role, createdBy: userId, createdAt: now, expiresAt };
    await putInvitation(database(c.env.DB), { hash: await hashSecret(code), ...invitation });
    await audit(c, "invited", { target: role });
    c.header("cache-control", "no-store");
    return c.json({ url: `${originOf(c)}/join/${code}`, expiresAt: new Date(expiresAt).toISOString() }, 201);
  });

  app.delete("/api/invitations/:id", async (c) => {
    if (!(await removeInvitation(database(c.env.DB), accountOf(c).id, c.req.param("id")))) {
      throw new PorchlightError("not_found", "This invitation was used or has expired. Reload the page.");
    }
    await audit(c, "invitation_withdrawn");
    return c.body(null, 204);
  });
}

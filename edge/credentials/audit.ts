import type { Context } from "hono";
import type { AuditAction } from "../access/audit-actions.ts";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { putAuditEntry } from "../store/audit-log.ts";
import { clientOf } from "./client.ts";

/** Who did it, where that is not who is signed in: one who just came in, or a machine. */
export interface Actor {
  accountId: string | null;
  id: string | null;
  name: string;
}

/** Writes down a security event: who, what, to whom or which, when, from where. Awaited: what is not written did not happen. */
export async function audit(
  c: Context<AppEnv>,
  action: AuditAction,
  details: { target?: string; actor?: Actor } = {},
): Promise<void> {
  const { account } = c.var;
  const actor = details.actor ?? {
    accountId: account?.id ?? null,
    id: account?.userId ?? null,
    name: account?.userName ?? "",
  };
  await putAuditEntry(database(c.env.DB), {
    accountId: actor.accountId,
    at: Date.now(),
    action,
    actorId: actor.id,
    actor: actor.name,
    target: (details.target ?? "").slice(0, 256),
    ...clientOf(c),
  });
}

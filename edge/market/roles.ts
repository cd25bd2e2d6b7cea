import { and, asc, eq } from "drizzle-orm";
import { PorchlightError } from "../../shared/errors.ts";
import type { Account } from "../env.ts";
import type { Database } from "../store/database.ts";
import { users } from "../store/schema.ts";
import { marketPublishers, marketRoles } from "./store/schema.ts";

export type MarketRole = "reviewer" | "administrator";

/** What a person may do for the market of this edge; undefined: what anyone may. Owners of the edge administer it. */
export async function marketRoleOf(
  db: Database,
  account: Pick<Account, "userId" | "role">,
): Promise<MarketRole | undefined> {
  if (account.role === "owner") return "administrator";
  const [found] = await db.select().from(marketRoles).where(eq(marketRoles.userId, account.userId)).limit(1);
  return found?.role;
}

/** Throws `market_role_needed` unless the person reviews, or administers where `least` says so. Administrators review too. */
export async function requireMarketRole(
  db: Database,
  account: Pick<Account, "userId" | "role">,
  least: MarketRole,
): Promise<MarketRole> {
  const role = await marketRoleOf(db, account);
  if (role === "administrator" || (role !== undefined && role === least)) return role;
  throw new PorchlightError("market_role_needed", `Only the market's ${least}s may do that.`);
}

export interface MarketPerson {
  userId: string;
  name: string;
  role: MarketRole | null;
  grantedAt: number | null;
  /** Who they are as a publisher. */
  publisher: { id: string; name: string; official: boolean } | null;
}

/** Everybody of the household, by name, with what they are to the market. */
export async function listMarketPeople(db: Database, accountId: string): Promise<MarketPerson[]> {
  const { id, name, official } = marketPublishers;
  const rows = await db
    .select({ user: users, granted: marketRoles, publisher: { id, name, official } })
    .from(users)
    .leftJoin(marketRoles, eq(marketRoles.userId, users.id))
    .leftJoin(marketPublishers, eq(marketPublishers.userId, users.id))
    .where(eq(users.accountId, accountId))
    .orderBy(asc(users.name));
  return rows.map(({ user, granted, publisher }) => ({
    userId: user.id,
    name: user.name,
    role: user.role === "owner" ? ("administrator" as const) : (granted?.role ?? null),
    grantedAt: granted?.grantedAt ?? null,
    publisher,
  }));
}

/** Gives somebody of the edge a role, or takes it away. False where there is nobody of that id. */
export async function setMarketRole(
  db: Database,
  grant: { userId: string; accountId: string; role: MarketRole | null; grantedBy: string; nowMs: number },
): Promise<boolean> {
  const { userId, accountId, role, grantedBy, nowMs } = grant;
  const [somebody] = await db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, userId), eq(users.accountId, accountId)))
    .limit(1);
  if (somebody === undefined) return false;
  const row = { role, grantedBy, grantedAt: nowMs };
  if (role === null) await db.delete(marketRoles).where(eq(marketRoles.userId, userId));
  else
    await db
      .insert(marketRoles)
      .values({ userId, ...row, role })
      .onConflictDoUpdate({ target: marketRoles.userId, set: { ...row, role } });
  return true;
}

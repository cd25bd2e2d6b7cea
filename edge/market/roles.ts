import { eq } from "drizzle-orm";
import { PorchlightError } from "../../shared/errors.ts";
import type { Account } from "../env.ts";
import type { Database } from "../store/database.ts";
import { marketRoles } from "./store/schema.ts";

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

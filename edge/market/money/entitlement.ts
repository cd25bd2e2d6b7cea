import { and, eq, gt } from "drizzle-orm";
import { PorchlightError } from "../../../shared/errors.ts";
import type { ManifestDraft } from "../../../shared/plugin/manifest.ts";
import { pluginNameOf } from "../../../shared/plugin/name.ts";
import type { EdgeBindings } from "../../env.ts";
import { type Database, database } from "../../store/database.ts";
import { followedMarket } from "../followed.ts";
import { findNamespace } from "../store/publishers.ts";
import { MONEY_LIMITS } from "./limits.ts";
import { marketPayments, marketPurchases } from "./sales-schema.ts";

/** `lapsed`: a subscription that was paid for until some time ago. */
export type Entitlement = "bought" | "lapsed" | "none";

/** Whether somebody has paid for a plugin, and has it still. */
export async function entitlementOf(db: Database, userId: string, plugin: string, nowMs: number): Promise<Entitlement> {
  const rows = await db
    .select({ coversUntil: marketPayments.coversUntil })
    .from(marketPurchases)
    .innerJoin(marketPayments, eq(marketPayments.purchaseId, marketPurchases.id))
    .where(and(eq(marketPurchases.userId, userId), eq(marketPurchases.plugin, plugin), gt(marketPayments.left, 0)));
  if (rows.length === 0) return "none";
  const isCovered = rows.some(({ coversUntil }) => coversUntil === null || coversUntil + MONEY_LIMITS.graceMs > nowMs);
  return isCovered ? "bought" : "lapsed";
}

/** A price of nothing is none. */
export function isPaid({ price }: Pick<ManifestDraft, "price">): boolean {
  return price !== undefined && price.minorUnits > 0;
}

/**
 * Throws PorchlightError `plugin_not_bought` or `subscription_over` where a plugin costs something and the person has not paid. What
 * nobody sells here, one's own plugin or a draft from a file, costs nothing.
 */
export async function requireEntitled(
  env: EdgeBindings,
  userId: string,
  manifest: Pick<ManifestDraft, "name" | "price">,
): Promise<void> {
  if (!isPaid(manifest)) return;
  const { name } = manifest;
  const followed = followedMarket(env);
  if (followed !== undefined)
    throw new PorchlightError(
      "plugin_not_bought",
      `${name} costs money. ${followed} sells it to people of that edge only: it can be bought and used there.`,
    );
  const db = database(env.DB);
  const seller = await findNamespace(db, pluginNameOf(name).publisher);
  if (seller === undefined || seller.userId === userId) return;
  const entitlement = await entitlementOf(db, userId, name, Date.now());
  if (entitlement === "bought") return;
  const page = `/market/${name.slice(1)}`;
  if (entitlement === "none")
    throw new PorchlightError("plugin_not_bought", `${name} costs money. Buy it at ${page} first.`);
  throw new PorchlightError(
    "subscription_over",
    `Your subscription to ${name} is over. It stays installed; subscribe again at ${page}, and it works at once.`,
  );
}

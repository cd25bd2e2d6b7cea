import { eq } from "drizzle-orm";
import type { Database } from "./database.ts";
import { hooks } from "./schema.ts";

export async function insertHook(
  db: Database,
  hook: { id: string; accountId: string; userId: string; createdAt: number },
): Promise<void> {
  await db.insert(hooks).values(hook);
}

/** Whose household has this address. */
export async function accountOfHook(db: Database, id: string): Promise<string | undefined> {
  const [found] = await db.select({ accountId: hooks.accountId }).from(hooks).where(eq(hooks.id, id));
  return found?.accountId;
}

export async function deleteHook(db: Database, id: string): Promise<void> {
  await db.delete(hooks).where(eq(hooks.id, id));
}

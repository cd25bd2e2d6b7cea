import { sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { accounts, apiKeys } from "./schema.ts";

export interface NewOwner {
  id: string;
  name: string;
  key: { id: string; hash: string; prefix: string; name: string };
  nowMs: number;
}

/**
 * Makes the first account, its owner, with one key: only if there is none. Returns whether it did. D1 runs a batch as one
 * transaction, so of several at once one wins and none is left half made.
 */
export async function createOwner(db: Database, owner: NewOwner): Promise<boolean> {
  const { id, name, key, nowMs } = owner;
  const [made] = await db.batch([
    db
      .insert(accounts)
      .select(sql`SELECT ${id}, ${name}, 'owner', ${nowMs} WHERE NOT EXISTS (SELECT 1 FROM ${accounts})`)
      .returning({ id: accounts.id }),
    db.insert(apiKeys).select(
      sql`SELECT ${key.id}, ${id}, ${key.hash}, ${key.prefix}, ${key.name}, 'owner', ${nowMs}, NULL, NULL
          WHERE EXISTS (SELECT 1 FROM ${accounts} WHERE ${accounts.id} = ${id})`,
    ),
  ]);
  return made.length === 1;
}

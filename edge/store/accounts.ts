import { sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { insertPasskeyFor, type NewPasskey } from "./passkeys.ts";
import { accounts, apiKeys, users } from "./schema.ts";

export interface NewOwner {
  id: string;
  userId: string;
  name: string;
  nowMs: number;
  /** The owner's first way in: a key for a program, or a passkey for a person. */
  key?: { id: string; hash: string; prefix: string; name: string };
  passkey?: NewPasskey;
}

/**
 * Makes the first account with its owner: only if there is none. Returns whether it did. D1 runs a batch as one transaction, so of
 * several at once one wins and none is left half made.
 */
export async function createOwner(db: Database, owner: NewOwner): Promise<boolean> {
  const { id, userId, name, key, passkey, nowMs } = owner;
  const isMade = sql`EXISTS (SELECT 1 FROM ${accounts} WHERE ${accounts.id} = ${id})`;
  const [made] = await db.batch([
    db
      .insert(accounts)
      .select(sql`SELECT ${id}, ${name}, ${nowMs} WHERE NOT EXISTS (SELECT 1 FROM ${accounts})`)
      .returning({ id: accounts.id }),
    db.insert(users).select(sql`SELECT ${userId}, ${id}, ${name}, 'owner', NULL, ${nowMs} WHERE ${isMade}`),
    ...(key
      ? [
          db.insert(apiKeys).select(
            sql`SELECT ${key.id}, ${id}, ${key.hash}, ${key.prefix}, ${key.name}, 'admin', ${nowMs}, NULL, NULL, ${userId},
                NULL, NULL, 'normal', NULL, NULL, NULL, ${nowMs} WHERE ${isMade}`,
          ),
        ]
      : []),
    ...(passkey ? [insertPasskeyFor(db, userId, passkey, nowMs)] : []),
  ]);
  return made.length === 1;
}

/** Whether this edge has been set up. */
export async function hasOwner(db: Database): Promise<boolean> {
  const found = await db.select({ id: accounts.id }).from(accounts).limit(1);
  return found.length > 0;
}

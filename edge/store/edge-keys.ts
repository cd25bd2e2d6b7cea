import { eq } from "drizzle-orm";
import { toBase64Url } from "../../shared/protocol/base64url.ts";
import type { Database } from "./database.ts";
import { edgeKeys } from "./schema.ts";

/** The edge's key for this use (base64url of 32 random bytes), made at the first call. */
export async function edgeKey(db: Database, use: string): Promise<string> {
  const read = async (): Promise<string | undefined> => {
    const [row] = await db.select({ value: edgeKeys.value }).from(edgeKeys).where(eq(edgeKeys.use, use));
    return row?.value;
  };
  const known = await read();
  if (known !== undefined) return known;
  const value = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
  // Of two at the same moment, one is kept.
  await db.insert(edgeKeys).values({ use, value, createdAt: Date.now() }).onConflictDoNothing();
  const kept = await read();
  if (kept === undefined) throw new Error("a key that was written is not there");
  return kept;
}

import { and, asc, eq, inArray, isNull, lt, sql } from "drizzle-orm";
import type { Database } from "../../store/database.ts";
import { marketMetadata } from "./schema.ts";

export type Metadata = typeof marketMetadata.$inferSelect;
/** Without its body, which may be large. */
export type MetadataHead = Omit<Metadata, "body" | "replacedAt">;

const { file, role, version, sha256, bytes, expiresAt, keyId } = marketMetadata;
const head = { file, role, version, sha256, bytes, expiresAt, keyId };

/** The current file of every role. */
export async function currentMetadata(db: Database): Promise<MetadataHead[]> {
  return await db.select(head).from(marketMetadata).where(isNull(marketMetadata.replacedAt)).orderBy(asc(role));
}

export async function metadataBody(db: Database, name: string): Promise<string | undefined> {
  const [found] = await db.select({ body: marketMetadata.body }).from(marketMetadata).where(eq(file, name)).limit(1);
  return found?.body;
}

/** The newest root. */
export async function newestRoot(db: Database): Promise<string | undefined> {
  const [found] = await db
    .select({ body: marketMetadata.body })
    .from(marketMetadata)
    .where(and(eq(role, "root"), isNull(marketMetadata.replacedAt)))
    .limit(1);
  return found?.body;
}

/** The statements that put new files in the place of the current ones of their roles: to be run as one batch. */
export function replaceMetadata(db: Database, files: readonly Omit<Metadata, "replacedAt">[], nowMs: number) {
  const roles = [...new Set(files.map((one) => one.role))];
  const replaced = [];
  // D1 takes a hundred parameters.
  for (let at = 0; at < roles.length; at += 90) {
    replaced.push(
      db
        .update(marketMetadata)
        .set({ replacedAt: nowMs })
        .where(and(inArray(role, roles.slice(at, at + 90)), isNull(marketMetadata.replacedAt))),
    );
  }
  const set = {
    role: sql`excluded.role`,
    version: sql`excluded.version`,
    body: sql`excluded.body`,
    sha256: sql`excluded.sha256`,
    bytes: sql`excluded.bytes`,
    expiresAt: sql`excluded.expires_at`,
    keyId: sql`excluded.key_id`,
    replacedAt: null,
  };
  const put = files.map((one) => db.insert(marketMetadata).values(one).onConflictDoUpdate({ target: file, set }));
  return [...replaced, ...put];
}

/** Throws away what was replaced before `beforeMs`: clients that were under way are done with it. Roots stay for ever. */
export async function purgeMetadata(db: Database, beforeMs: number): Promise<void> {
  await db
    .delete(marketMetadata)
    .where(and(lt(marketMetadata.replacedAt, beforeMs), sql`${marketMetadata.role} <> 'root'`));
}

import { and, eq, gt } from "drizzle-orm";
import type { Database } from "./database.ts";
import { ceremonies } from "./schema.ts";

export type Ceremony = typeof ceremonies.$inferSelect;
export type CeremonyKind = Ceremony["kind"];

export async function putCeremony(db: Database, ceremony: Ceremony): Promise<void> {
  await db.insert(ceremonies).values(ceremony);
}

/** Uses a ceremony up, whatever comes of it: an answer that is sent again finds nothing. */
export async function takeCeremony(
  db: Database,
  hash: string,
  kind: CeremonyKind,
  nowMs: number,
): Promise<Ceremony | undefined> {
  const [taken] = await db
    .delete(ceremonies)
    .where(and(eq(ceremonies.hash, hash), eq(ceremonies.kind, kind), gt(ceremonies.expiresAt, nowMs)))
    .returning();
  return taken;
}

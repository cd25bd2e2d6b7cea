import { and, eq, gt, lte, ne, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { deviceAuthorizations as requests } from "./schema.ts";

export type DeviceAuthorization = typeof requests.$inferSelect;

export async function putDeviceAuthorization(db: Database, request: typeof requests.$inferInsert): Promise<void> {
  await db.insert(requests).values(request);
}

/** The one that waits under this code, if any does. */
export async function findByUserCode(db: Database, userCodeHash: string, nowMs: number) {
  const [found] = await db
    .select({ id: requests.id })
    .from(requests)
    .where(and(eq(requests.userCodeHash, userCodeHash), isWaiting(nowMs)))
    .limit(1);
  return found;
}

/** One that has not expired. */
export async function findDeviceAuthorization(db: Database, id: string, nowMs: number) {
  const [found] = await db
    .select()
    .from(requests)
    .where(and(eq(requests.id, id), gt(requests.expiresAt, nowMs)))
    .limit(1);
  return found;
}

/** Decides one that waits: of several decisions at once the first counts. Returns whom it was about, or undefined. */
export async function decideDeviceAuthorization(
  db: Database,
  id: string,
  decision: { state: "approved" | "denied"; decidedBy: string },
  nowMs: number,
) {
  const [decided] = await db
    .update(requests)
    .set(decision)
    .where(and(eq(requests.id, id), isWaiting(nowMs)))
    .returning({ name: requests.name });
  return decided;
}

/** A poll of the machine: what it asked for, or that it asks too often, or undefined where nobody knows its code. */
export async function pollDeviceAuthorization(
  db: Database,
  hash: string,
  limits: { stepMs: number; maxMs: number },
  nowMs: number,
): Promise<DeviceAuthorization | "too_fast" | undefined> {
  const [polled] = await db
    .update(requests)
    .set({ lastPolledAt: nowMs })
    .where(and(eq(requests.hash, hash), lte(sql`${requests.lastPolledAt} + ${requests.intervalMs}`, nowMs)))
    .returning();
  if (polled) return polled;
  const slower = sql`min(${requests.intervalMs} + ${limits.stepMs}, ${limits.maxMs})`;
  const [hurried] = await db
    .update(requests)
    .set({ lastPolledAt: nowMs, intervalMs: slower })
    .where(eq(requests.hash, hash))
    .returning({ hash: requests.hash });
  return hurried && "too_fast";
}

/** Uses up one that was decided: of several polls at once one gets it. */
export async function takeDeviceAuthorization(db: Database, hash: string): Promise<DeviceAuthorization | undefined> {
  const [taken] = await db
    .delete(requests)
    .where(and(eq(requests.hash, hash), ne(requests.state, "pending")))
    .returning();
  return taken;
}

function isWaiting(nowMs: number) {
  return and(eq(requests.state, "pending"), gt(requests.expiresAt, nowMs));
}

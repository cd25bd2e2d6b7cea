import { and, eq, isNull, lte, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { idempotency } from "./schema.ts";

/** A request that is carried out under an idempotency key. */
export interface Claim {
  /** Of caller and key. */
  id: string;
  /** Tells this try from a later one that took over. */
  token: string;
}

/**
 * Claims a key for 24 hours: for the first request, for one that comes after that time, or for one after a request that was lost
 * (its lease has run out). One statement: of several at once one gets it. False if another has it, or its caller has `atMost`.
 */
export async function claimKey(
  db: Database,
  claim: Claim & { caller: string; userId: string; fingerprint: string; leaseUntil: number; expiresAt: number },
  atMost: number,
  nowMs: number,
): Promise<boolean> {
  const { id, token, caller, userId, fingerprint, leaseUntil, expiresAt } = claim;
  const held = sql`(SELECT count(*) FROM ${idempotency} WHERE ${idempotency.caller} = ${caller} AND ${idempotency.id} <> ${id})`;
  const set = { token, fingerprint, leaseUntil, expiresAt, answer: null, bytes: 0 };
  const isFree = sql`(${lte(idempotency.expiresAt, nowMs)} OR ${and(isNull(idempotency.answer), lte(idempotency.leaseUntil, nowMs))})`;
  const claimed = await db
    .insert(idempotency)
    .select(
      sql`SELECT ${id}, ${caller}, ${userId}, ${token}, ${fingerprint}, ${leaseUntil}, ${expiresAt}, 0, NULL WHERE ${held} < ${atMost}`,
    )
    .onConflictDoUpdate({ target: idempotency.id, set, setWhere: isFree })
    .returning({ id: idempotency.id });
  return claimed.length > 0;
}

export async function findKey(db: Database, id: string) {
  const [found] = await db
    .select({ fingerprint: idempotency.fingerprint, answer: idempotency.answer })
    .from(idempotency)
    .where(eq(idempotency.id, id))
    .limit(1);
  return found;
}

/** Says that the request is still being carried out. */
export async function renewLease(db: Database, claim: Claim, leaseUntil: number): Promise<void> {
  await db.update(idempotency).set({ leaseUntil }).where(isMine(claim));
}

/** Keeps the answer, unless its caller then has more than `atMostBytes`: returns whether it did. */
export async function keepAnswer(db: Database, claim: Claim, answer: string, atMostBytes: number): Promise<boolean> {
  const others = sql`(SELECT coalesce(sum(other.bytes), 0) FROM ${idempotency} AS other WHERE other.caller = ${idempotency.caller})`;
  const kept = await db
    .update(idempotency)
    .set({ answer, bytes: answer.length })
    .where(and(isMine(claim), sql`${others} + ${answer.length} <= ${atMostBytes}`))
    .returning({ id: idempotency.id });
  return kept.length > 0;
}

/** Gives the key back: the next request under it is carried out. */
export async function releaseKey(db: Database, claim: Claim): Promise<void> {
  await db.delete(idempotency).where(isMine(claim));
}

function isMine({ id, token }: Claim) {
  return and(eq(idempotency.id, id), eq(idempotency.token, token));
}

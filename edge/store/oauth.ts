import { and, desc, eq, exists, gt, inArray, isNull, lt, notExists, or, sql } from "drizzle-orm";
import { type Database, isOrphan } from "./database.ts";
import {
  oauthClients as clients,
  oauthCodes as codes,
  oauthGrants as grants,
  oauthTokens as tokens,
} from "./oauth-schema.ts";
import { users } from "./schema.ts";

export type OauthGrant = typeof grants.$inferSelect;
type NewToken = Pick<typeof tokens.$inferInsert, "hash" | "expiresAt">;

/** OFFSET needs a LIMIT before it. */
const ALL = 1_000_000;

/** Keeps a client that nobody has let in yet. Where `atMost` wait already, the oldest make room. */
export async function putClient(
  db: Database,
  client: typeof clients.$inferInsert,
  atMost: number,
  newMs: number,
): Promise<void> {
  const waiting = lt(sql`${clients.expiresAt} - ${clients.createdAt}`, newMs + 1);
  const oldest = db
    .select({ id: clients.id })
    .from(clients)
    .where(waiting)
    .orderBy(desc(clients.createdAt))
    .limit(ALL)
    .offset(atMost - 1);
  await db.batch([db.delete(clients).where(inArray(clients.id, oldest)), db.insert(clients).values(client)]);
}

export async function findClient(db: Database, id: string, nowMs: number) {
  const [found] = await db
    .select()
    .from(clients)
    .where(and(eq(clients.id, id), gt(clients.expiresAt, nowMs)))
    .limit(1);
  return found;
}

/** Lets a client in: its grant and its code. Of a person's grants beyond `atMost`, those longest unused end. */
export async function putGrant(
  db: Database,
  grant: typeof grants.$inferInsert,
  code: typeof codes.$inferInsert,
  { atMost, clientUntil }: { atMost: number; clientUntil: number },
): Promise<void> {
  const most = db
    .select({ id: grants.id })
    .from(grants)
    .where(eq(grants.userId, grant.userId))
    .orderBy(desc(sql`coalesce(${grants.lastUsedAt}, ${grants.createdAt})`))
    .limit(ALL)
    .offset(atMost - 1);
  await db.batch([
    db.delete(grants).where(inArray(grants.id, most)),
    db.insert(grants).values(grant),
    db.insert(codes).values(code),
    db.update(clients).set({ expiresAt: clientUntil }).where(eq(clients.id, grant.clientId)),
  ]);
}

/** Uses a code up, right or wrong: of several uses at once one gets it. `used`: it was used before. */
export async function useCode(db: Database, hash: string, nowMs: number) {
  const [taken] = await db
    .update(codes)
    .set({ usedAt: nowMs })
    .where(and(eq(codes.hash, hash), isNull(codes.usedAt)))
    .returning();
  if (taken !== undefined) return { ...taken, used: false };
  const [known] = await db.select().from(codes).where(eq(codes.hash, hash)).limit(1);
  return known && { ...known, used: true };
}

export async function findGrant(db: Database, id: string): Promise<OauthGrant | undefined> {
  const [found] = await db.select().from(grants).where(eq(grants.id, id)).limit(1);
  return found;
}

/** A token with its grant and its person, whether it is good or not. */
export async function findToken(db: Database, hash: string) {
  const [found] = await db
    .select({ token: tokens, grant: grants, userName: users.name, role: users.role, accountId: users.accountId })
    .from(tokens)
    .innerJoin(grants, eq(grants.id, tokens.grantId))
    .innerJoin(users, eq(users.id, grants.userId))
    .where(eq(tokens.hash, hash))
    .limit(1);
  return found;
}

/** Spends a refresh token: of several uses at once one gets true. */
export async function spendToken(db: Database, hash: string, nowMs: number): Promise<boolean> {
  const spent = await db
    .update(tokens)
    .set({ spentAt: nowMs })
    .where(and(eq(tokens.hash, hash), isNull(tokens.spentAt)))
    .returning({ hash: tokens.hash });
  return spent.length > 0;
}

/** New tokens of a grant; its access tokens of before end. False where the grant has just ended. */
export async function putTokens(
  db: Database,
  grantId: string,
  { access, refresh }: { access: NewToken; refresh: NewToken },
  nowMs: number,
): Promise<boolean> {
  try {
    await db.batch([
      db.delete(tokens).where(and(eq(tokens.grantId, grantId), eq(tokens.kind, "access"))),
      db.insert(tokens).values([
        { ...access, grantId, kind: "access" },
        { ...refresh, grantId, kind: "refresh" },
      ]),
      db.update(grants).set({ lastUsedAt: nowMs }).where(eq(grants.id, grantId)),
    ]);
    return true;
  } catch (error) {
    if (isOrphan(error)) return false;
    throw error;
  }
}

export async function touchGrant(db: Database, id: string, nowMs: number, everyMs: number): Promise<void> {
  const isOld = or(isNull(grants.lastUsedAt), lt(grants.lastUsedAt, nowMs - everyMs));
  await db
    .update(grants)
    .set({ lastUsedAt: nowMs })
    .where(and(eq(grants.id, id), isOld));
}

/** Those that a person let in and that have a token: one whose code nobody fetched came to nothing. */
export async function listGrants(db: Database, userId: string, nowMs: number): Promise<OauthGrant[]> {
  const live = db
    .select({ one: sql`1` })
    .from(tokens)
    .where(and(eq(tokens.grantId, grants.id), isNull(tokens.spentAt), gt(tokens.expiresAt, nowMs)));
  return await db
    .select()
    .from(grants)
    .where(and(eq(grants.userId, userId), exists(live)))
    .orderBy(desc(grants.createdAt));
}

/** Ends a grant, of this person if one is named: its tokens and codes go with it. Returns the hashes of its access tokens; undefined if there is none. */
export async function endGrant(
  db: Database,
  id: string,
  userId?: string,
): Promise<{ name: string; hashes: string[] } | undefined> {
  const mine = userId === undefined ? eq(grants.id, id) : and(eq(grants.id, id), eq(grants.userId, userId));
  const [held, ended] = await db.batch([
    db
      .select({ hash: tokens.hash })
      .from(tokens)
      .where(and(eq(tokens.grantId, id), eq(tokens.kind, "access"))),
    db.delete(grants).where(mine).returning({ name: grants.clientName }),
  ]);
  const [grant] = ended;
  return grant && { name: grant.name, hashes: held.map(({ hash }) => hash) };
}

export async function endToken(db: Database, hash: string): Promise<void> {
  await db.delete(tokens).where(eq(tokens.hash, hash));
}

/** Statements that throw away what has expired, and grants that have nothing left. */
export function purgeOauth(db: Database, nowMs: number, usedCodeMs: number) {
  const one = { one: sql`1` };
  const bare = and(
    notExists(db.select(one).from(tokens).where(eq(tokens.grantId, grants.id))),
    notExists(db.select(one).from(codes).where(eq(codes.grantId, grants.id))),
  );
  return [
    db.delete(clients).where(lt(clients.expiresAt, nowMs)),
    db.delete(codes).where(lt(codes.expiresAt, nowMs - usedCodeMs)),
    db.delete(tokens).where(lt(tokens.expiresAt, nowMs)),
    db.delete(grants).where(bare),
  ] as const;
}

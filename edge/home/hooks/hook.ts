import { z } from "zod";

/** `standard`: Standard Webhooks 1.0. `github`: `X-Hub-Signature-256`, as GitHub, Gitea and Forgejo sign. */
export const HOOK_SIGNATURES = ["standard", "github"] as const;
export type HookSignature = (typeof HOOK_SIGNATURES)[number];

const targetSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("plugin"), plugin: z.string() }),
  /** `sessionId` null: one of its own, once something comes. `prompt`: what its person wants done with what comes. */
  z.object({ kind: z.literal("session"), sessionId: z.string().nullable(), prompt: z.string() }),
]);
/** Where what arrives goes. */
export type HookTarget = z.infer<typeof targetSchema>;

export const HOOK_PAUSES = ["person", "key_revoked"] as const;

/** An address that others send to. Times are Unix milliseconds. */
export interface Hook {
  /** The secret part of its address. */
  id: string;
  userId: string;
  /** Of the API key that made it; null: the person did. */
  keyId: string | null;
  name: string;
  target: HookTarget;
  signature: HookSignature;
  secret: string;
  oldSecret: string | null;
  oldSecretUntilMs: number | null;
  /** Null: it takes messages. */
  paused: (typeof HOOK_PAUSES)[number] | null;
  locale: "en" | "zh-CN";
  timeZone: string;
  createdAtMs: number;
  /** Messages that were turned away for their signature. Nothing else is kept of them. */
  refused: number;
}

const rowSchema = z
  .object({
    id: z.string(),
    user_id: z.string(),
    key_id: z.string().nullable(),
    name: z.string(),
    target: z
      .string()
      .transform((text): unknown => JSON.parse(text))
      .pipe(targetSchema),
    signature: z.enum(HOOK_SIGNATURES),
    secret: z.string(),
    old_secret: z.string().nullable(),
    old_secret_until: z.number().nullable(),
    paused: z.enum(HOOK_PAUSES).nullable(),
    locale: z.enum(["en", "zh-CN"]),
    time_zone: z.string(),
    created_at: z.number(),
    refused: z.number(),
  })
  .transform(
    (row): Hook => ({
      id: row.id,
      userId: row.user_id,
      keyId: row.key_id,
      name: row.name,
      target: row.target,
      signature: row.signature,
      secret: row.secret,
      oldSecret: row.old_secret,
      oldSecretUntilMs: row.old_secret_until,
      paused: row.paused,
      locale: row.locale,
      timeZone: row.time_zone,
      createdAtMs: row.created_at,
      refused: row.refused,
    }),
  );

/** Inbound webhooks of a household's people, in its object's SQLite. Secrets are kept as they are: they must check signatures. */
export class HookTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS inbound_hooks (
         id TEXT PRIMARY KEY, user_id TEXT NOT NULL, key_id TEXT, name TEXT NOT NULL, target TEXT NOT NULL, signature TEXT NOT NULL,
         secret TEXT NOT NULL, old_secret TEXT, old_secret_until INTEGER, paused TEXT, locale TEXT NOT NULL, time_zone TEXT NOT NULL,
         created_at INTEGER NOT NULL, refused INTEGER NOT NULL DEFAULT 0)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS inbound_hooks_by_user ON inbound_hooks (user_id, created_at)");
  }

  add(hook: Omit<Hook, "oldSecret" | "oldSecretUntilMs" | "paused" | "refused">): void {
    this.#sql.exec(
      `INSERT INTO inbound_hooks (id, user_id, key_id, name, target, signature, secret, locale, time_zone, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      hook.id,
      hook.userId,
      hook.keyId,
      hook.name,
      JSON.stringify(hook.target),
      hook.signature,
      hook.secret,
      hook.locale,
      hook.timeZone,
      hook.createdAtMs,
    );
  }

  find(id: string): Hook | undefined {
    return this.#read("id = ?", id)[0];
  }

  /** The latest first. */
  of(userId: string): Hook[] {
    return this.#read("user_id = ?", userId);
  }

  ofKey(keyId: string): Hook[] {
    return this.#read("key_id = ?", keyId);
  }

  change(id: string, { name, paused, target }: Pick<Hook, "name" | "paused" | "target">): void {
    this.#sql.exec(
      "UPDATE inbound_hooks SET name = ?, paused = ?, target = ? WHERE id = ?",
      name,
      paused,
      JSON.stringify(target),
      id,
    );
  }

  /** The new secret is good from now on, the one before beside it until then. */
  rotate(id: string, secret: string, untilMs: number): void {
    this.#sql.exec(
      "UPDATE inbound_hooks SET old_secret = secret, old_secret_until = ?, secret = ? WHERE id = ?",
      untilMs,
      secret,
      id,
    );
  }

  countRefused(id: string, count: number): void {
    this.#sql.exec("UPDATE inbound_hooks SET refused = refused + ? WHERE id = ?", count, id);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM inbound_hooks WHERE id = ?", id);
  }

  #read(condition: string, value: string): Hook[] {
    const rows = this.#sql.exec(`SELECT * FROM inbound_hooks WHERE ${condition} ORDER BY created_at DESC, id`, value);
    return rows.toArray().map((row) => rowSchema.parse(row));
  }
}

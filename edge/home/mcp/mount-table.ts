import { z } from "zod";
import { MOUNT_LIMITS, SERVER_NAME } from "../../../shared/mcp/limits.ts";
import { mountedToolSchema } from "../../../shared/mcp/mounted-tool.ts";

/** Where a server is. */
export const mountSourceSchema = z.discriminatedUnion("kind", [
  /** A command on one of the household's machines, by the name that its owner gave it there. */
  z.strictObject({
    kind: z.literal("machine"),
    agentId: z.string().min(1).max(128),
    server: z.string().regex(SERVER_NAME),
  }),
  /** Streamable HTTP at a public address. */
  z.strictObject({ kind: z.literal("remote"), url: z.url({ protocol: /^https?$/ }).max(2_048) }),
]);
export type MountSource = z.infer<typeof mountSourceSchema>;

export const mountSchema = z.object({
  name: z.string().regex(SERVER_NAME),
  source: mountSourceSchema,
  tools: z.array(mountedToolSchema).max(MOUNT_LIMITS.tools),
  /** Of all tools together: what was consented to. */
  digest: z.string(),
  enabled: z.boolean(),
  /** The server describes its tools in another way than was consented to: none is offered until its person looks again. */
  changed: z.boolean(),
  mountedAtMs: z.number(),
});
export type Mount = z.infer<typeof mountSchema>;

const rowSchema = z
  .object({ mount: z.string() })
  .transform(({ mount }): unknown => JSON.parse(mount))
  .pipe(mountSchema);

/** Servers of MCP that people have mounted, in a Durable Object's SQLite. */
export class MountTable {
  readonly #sql: SqlStorage;
  /** Conversations ask at every turn. */
  readonly #cache = new Map<string, readonly Mount[]>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS mcp_mounts (user_id TEXT NOT NULL, name TEXT NOT NULL, mount TEXT NOT NULL, PRIMARY KEY (user_id, name))",
    );
  }

  /** By name. */
  of(userId: string): readonly Mount[] {
    const known = this.#cache.get(userId);
    if (known !== undefined) return known;
    const rows = this.#sql.exec("SELECT mount FROM mcp_mounts WHERE user_id = ? ORDER BY name", userId).toArray();
    const read = rows.map((row) => rowSchema.parse(row));
    this.#cache.set(userId, read);
    return read;
  }

  put(userId: string, mount: Mount): void {
    this.#cache.delete(userId);
    const text = JSON.stringify(mount);
    this.#sql.exec(
      "INSERT OR REPLACE INTO mcp_mounts (user_id, name, mount) VALUES (?, ?, ?)",
      userId,
      mount.name,
      text,
    );
  }

  remove(userId: string, name: string): boolean {
    this.#cache.delete(userId);
    const rows = this.#sql.exec("DELETE FROM mcp_mounts WHERE user_id = ? AND name = ? RETURNING name", userId, name);
    return rows.toArray().length > 0;
  }

  removeOf(userId: string): void {
    this.#cache.delete(userId);
    this.#sql.exec("DELETE FROM mcp_mounts WHERE user_id = ?", userId);
  }
}

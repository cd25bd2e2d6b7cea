import { z } from "zod";
import type { Permissions } from "../../../shared/plugin/manifest.ts";
import { writeOffers } from "../../../shared/plugin/tool-list.ts";
import { type Installed, installedSchema } from "./installed.ts";
import { KeptTable } from "./updates/kept-table.ts";

const json = z.string().transform((text): unknown => JSON.parse(text));
const rowSchema = z
  .object({
    name: z.string(),
    version: z.string(),
    hash: z.string(),
    manifest: json,
    tools: z.string(),
    permissions: json,
    enabled: z.number().transform((value) => value === 1),
    signer: z.string().nullable(),
    installed_at: z.number(),
    updated_at: z.number(),
  })
  .transform(({ installed_at, updated_at, tools, ...row }) => ({
    ...row,
    offers: tools,
    installedAtMs: installed_at,
    updatedAtMs: updated_at,
  }))
  .pipe(installedSchema);

/** What people have installed, in a Durable Object's SQLite. */
export class InstallTable {
  /** Versions that gave way to those. */
  readonly kept: KeptTable;
  readonly #sql: SqlStorage;
  /** Conversations ask at every turn. */
  readonly #cache = new Map<string, Installed[]>();

  readonly #onChange: (userId: string) => void;

  /** @param onChange told of every change, once it is written */
  constructor(sql: SqlStorage, onChange: (userId: string) => void = () => undefined) {
    this.#sql = sql;
    this.#onChange = onChange;
    this.kept = new KeptTable(sql);
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_installs (
         user_id TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, hash TEXT NOT NULL, manifest TEXT NOT NULL,
         tools TEXT NOT NULL, permissions TEXT NOT NULL, enabled INTEGER NOT NULL, signer TEXT, installed_at INTEGER NOT NULL,
         updated_at INTEGER NOT NULL, PRIMARY KEY (user_id, name))`,
    );
  }

  /** By name. */
  of(userId: string): readonly Installed[] {
    const known = this.#cache.get(userId);
    if (known !== undefined) return known;
    const rows = this.#sql.exec("SELECT * FROM plugin_installs WHERE user_id = ? ORDER BY name", userId).toArray();
    const read = rows.map((row) => rowSchema.parse(row));
    this.#cache.set(userId, read);
    return read;
  }

  find(userId: string, name: string): Installed | undefined {
    return this.of(userId).find((one) => one.name === name);
  }

  /** Another version of what is there takes its place; that one is kept. */
  put(userId: string, one: Installed): void {
    const known = this.find(userId, one.name);
    this.#cache.delete(userId);
    if (known !== undefined && known.hash !== one.hash) {
      this.kept.remove(userId, one.name, one.hash);
      this.kept.put(userId, known, one.updatedAtMs);
    }
    this.#sql.exec(
      `INSERT OR REPLACE INTO plugin_installs (user_id, name, version, hash, manifest, tools, permissions, enabled, signer, installed_at, updated_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      userId,
      one.name,
      one.version,
      one.hash,
      JSON.stringify(one.manifest),
      writeOffers(one),
      JSON.stringify(one.permissions),
      one.enabled ? 1 : 0,
      one.signer,
      one.installedAtMs,
      one.updatedAtMs,
    );
    this.#onChange(userId);
  }

  change(
    userId: string,
    one: Installed,
    to: { permissions?: Permissions; enabled?: boolean },
    nowMs: number,
  ): Installed {
    const changed = { ...one, ...to, updatedAtMs: nowMs };
    this.put(userId, changed);
    return changed;
  }

  remove(userId: string, name: string): boolean {
    this.#cache.delete(userId);
    this.kept.removeAll(userId, name);
    const removed = this.#sql
      .exec("DELETE FROM plugin_installs WHERE user_id = ? AND name = ? RETURNING name", userId, name)
      .toArray();
    this.#onChange(userId);
    return removed.length > 0;
  }

  /** The packages of all people. */
  hashes(): string[] {
    const rows = this.#sql.exec("SELECT DISTINCT hash FROM plugin_installs").toArray();
    return rows.map((row) => z.object({ hash: z.string() }).parse(row).hash);
  }

  removeOf(userId: string): void {
    this.#cache.delete(userId);
    this.kept.removeOf(userId);
    this.#sql.exec("DELETE FROM plugin_installs WHERE user_id = ?", userId);
    this.#onChange(userId);
  }
}

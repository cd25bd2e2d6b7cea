import { z } from "zod";
import { type PrefixKey, rememberedKeys } from "./prefix-keys.ts";

/** Keys that are kept: some thousands of conversations, in well under a megabyte. */
const MOST_KEYS = 8192;
/** A machine has long given up what nobody asked for during this time. */
const FORGOTTEN_MS = 6 * 3600_000;
/** The same again within this need not be written down again. */
const WRITE_AGAIN_MS = 60_000;

const rowSchema = z.object({ hash: z.string(), agent: z.string(), at: z.number() });

interface Served {
  agentId: string;
  atMs: number;
}

/**
 * Which machine last computed which beginning of a prompt: the one used longest ago is forgotten first. In SQLite, because the next
 * turn of a conversation often comes after the object has hibernated.
 */
export class Affinity {
  readonly #sql: SqlStorage;
  readonly #most: number;
  /** In the order of their last use. */
  readonly #served = new Map<string, Served>();
  /** Keys of which SQLite does not know yet. */
  readonly #unwritten = new Set<string>();

  constructor(sql: SqlStorage, most = MOST_KEYS) {
    this.#sql = sql;
    this.#most = most;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS affinity (hash TEXT PRIMARY KEY, agent TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID",
    );
    for (const row of sql.exec("SELECT hash, agent, at FROM affinity ORDER BY at")) {
      const { hash, agent: agentId, at: atMs } = rowSchema.parse(row);
      this.#served.set(hash, { agentId, atMs });
    }
  }

  /** Characters of the prompt that each machine has computed before, as far as is known. */
  match(keys: readonly PrefixKey[], nowMs: number): Map<string, number> {
    const longest = new Map<string, number>();
    for (const { hash, characters } of keys) {
      const served = this.#served.get(hash);
      if (served !== undefined && nowMs - served.atMs < FORGOTTEN_MS) longest.set(served.agentId, characters);
    }
    return longest;
  }

  /** A machine computes this prompt now. */
  note(keys: readonly PrefixKey[], agentId: string, nowMs: number): void {
    for (const { hash } of rememberedKeys(keys)) {
      const before = this.#served.get(hash);
      this.#served.delete(hash);
      const isWritten = before?.agentId === agentId && nowMs - before.atMs < WRITE_AGAIN_MS;
      this.#served.set(hash, { agentId, atMs: isWritten ? before.atMs : nowMs });
      if (!isWritten) this.#unwritten.add(hash);
    }
    for (const hash of this.#served.keys()) {
      if (this.#served.size <= this.#most) break;
      this.#served.delete(hash);
      this.#unwritten.add(hash);
    }
  }

  /** Writes down what has changed. */
  flush(): void {
    for (const hash of this.#unwritten) {
      const served = this.#served.get(hash);
      if (served === undefined) this.#sql.exec("DELETE FROM affinity WHERE hash = ?", hash);
      else {
        const values = [hash, served.agentId, served.atMs];
        this.#sql.exec("INSERT OR REPLACE INTO affinity (hash, agent, at) VALUES (?, ?, ?)", ...values);
      }
    }
    this.#unwritten.clear();
  }

  /** What a machine had computed is lost: it was revoked, or its process began anew. */
  forget(agentId: string): void {
    for (const [hash, served] of this.#served) if (served.agentId === agentId) this.#served.delete(hash);
    this.#sql.exec("DELETE FROM affinity WHERE agent = ?", agentId);
  }
}

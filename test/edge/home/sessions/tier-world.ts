import { SessionStore } from "../../../../edge/home/sessions/store.ts";
import { sessionTables, type SessionTables } from "../../../../edge/home/sessions/tables.ts";
import type { BackupStore } from "../../../../edge/home/sessions/tiers/backup-store.ts";
import { Tiers } from "../../../../edge/home/sessions/tiers/tiers.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { MemoryArchive } from "../../support/memory-archive.ts";

export const DAY_MS = 86_400_000;
export const COLD_AFTER_MS = 7 * DAY_MS;
/** Any moment will do. */
const NOW = 1_790_000_000_000;

/** How a step goes wrong: the object dies around it, or it alone fails. */
export type Fault = "crashBefore" | "crashAfter" | "failBefore" | "failAfter";

/** The object died: nothing that its life had under way goes on. */
export class Crash extends PorchlightError {
  constructor() {
    super("edge_restarting", "planted");
  }
}

/** One life of the Home object, as far as conversations go. */
export interface Life {
  store: SessionStore;
  tables: SessionTables;
  tiers: Tiers;
}

/**
 * Home's SQLite, two machines and a bucket, which outlive the object; and one life of it after the other. Every step that lasts (a
 * transaction, a call of a machine or of the bucket) may go wrong, and calls may take as long as the test wants.
 */
export class TierWorld {
  readonly archive = new MemoryArchive("first", "second");
  readonly bucket = new Map<string, Uint8Array<ArrayBuffer>>();
  nowMs = NOW;
  /** Steps so far. */
  steps = 0;
  crashes = 0;
  /** How often each kind of call was carried out. */
  readonly calls = new Map<string, number>();
  life: Life;
  readonly #sql: SqlStorage;
  readonly #commit: <T>(step: () => T) => T;
  #lives = 0;
  #fault: { at: number; fault: Fault } | undefined;
  /** Calls that wait to be carried out, and answers that wait to arrive. */
  readonly #parked: (() => void)[] = [];
  parks = false;

  constructor(sql: SqlStorage, commit: <T>(step: () => T) => T) {
    this.#sql = sql;
    this.#commit = commit;
    this.archive.around = async (name, call) => await this.#call(name, call);
    this.life = this.#begin();
  }

  /** The `after`th step from now goes wrong. */
  plant(after: number, fault: Fault): void {
    this.#fault = { at: this.steps + after, fault };
  }

  /** Returns whether what was planted has yet to happen. */
  unplant(): boolean {
    const isLeft = this.#fault !== undefined;
    this.#fault = undefined;
    return isLeft;
  }

  /** The object dies here and now. */
  restart(): void {
    this.crashes += 1;
    this.life = this.#begin();
  }

  get parked(): number {
    return this.#parked.length;
  }

  /** Lets one that waits go on. */
  async release(which = 0): Promise<void> {
    const [go] = this.#parked.splice(which % Math.max(1, this.#parked.length), 1);
    go?.();
    await settled();
  }

  async releaseAll(): Promise<void> {
    const { parks } = this;
    this.parks = false;
    while (this.#parked.length > 0) await this.release();
    this.parks = parks;
  }

  #begin(): Life {
    this.#lives += 1;
    const mine = this.#lives;
    const isAlive = (): boolean => mine === this.#lives;
    const tables = sessionTables(this.#sql);
    const transaction = <T>(step: () => T): T => {
      if (!isAlive()) throw new Crash();
      const fault = this.#step();
      if (fault === "crashBefore" || fault === "failBefore") this.#die();
      const result = this.#commit(step);
      if (fault === "crashAfter" || fault === "failAfter") this.#die();
      return result;
    };
    const options = { tables, transaction, now: () => this.nowMs, archive: aliveOnly(this.archive, isAlive) };
    const store = new SessionStore({ ...options, hotTurns: 6 });
    const backup = aliveOnly(this.#bucketStore(), isAlive);
    const tiers = new Tiers({ ...options, backup, coldAfterMs: COLD_AFTER_MS, onChange: () => undefined });
    return { store, tables, tiers };
  }

  #die(): never {
    this.restart();
    throw new Crash();
  }

  /** Counts a step. Returns how it goes wrong, if it does. */
  #step(): Fault | undefined {
    this.steps += 1;
    if (this.#fault?.at !== this.steps) return undefined;
    const { fault } = this.#fault;
    this.#fault = undefined;
    return fault;
  }

  async #call<T>(name: string, call: () => T): Promise<T> {
    await this.#park();
    const fault = this.#step();
    if (fault === "crashBefore") this.#die();
    if (fault === "failBefore") throw new PorchlightError("agent_disconnected");
    const result = call();
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
    if (fault === "crashAfter") this.#die();
    if (fault === "failAfter") throw new PorchlightError("agent_disconnected");
    await this.#park();
    return result;
  }

  async #park(): Promise<void> {
    if (this.parks) await new Promise<void>((resolve) => this.#parked.push(resolve));
  }

  #bucketStore(): BackupStore {
    const { bucket } = this;
    return {
      put: async (name, sealed) => await this.#call("bucket put", () => void bucket.set(name, sealed.slice())),
      get: async (name) => await this.#call("bucket get", () => bucket.get(name)),
      list: async (prefix, after = "") =>
        await this.#call("bucket list", () =>
          [...bucket.keys()].filter((name) => name.startsWith(prefix) && name > after).toSorted(),
        ),
      delete: async (names) =>
        await this.#call("bucket delete", () => {
          for (const name of names) bucket.delete(name);
        }),
    };
  }
}

/** What a dead object calls is not carried out, and what it waits for does not reach it. What was on its way already is. */
function aliveOnly<T extends object>(port: T, isAlive: () => boolean): T {
  return new Proxy(port, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (!isAlive()) throw new Crash();
        const answer: unknown = Reflect.apply(value, target, args);
        if (!(answer instanceof Promise)) return answer;
        return answer.then((result: unknown) => {
          if (!isAlive()) throw new Crash();
          return result;
        });
      };
    },
  });
}

const TABLES = [
  "sessions",
  "session_turns",
  "session_turn_parts",
  "session_segments",
  "session_holders",
  "session_drops",
  "session_tombstones",
  "session_title_index",
  "session_turn_index",
];

/** An empty world over the SQLite of an object that was used before: making another object takes longer. */
export function emptied({ sql }: DurableObjectStorage): SqlStorage {
  sessionTables(sql);
  for (const table of TABLES) sql.exec(`DELETE FROM ${table}`);
  return sql;
}

/** Everything that waits for nothing outside has gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

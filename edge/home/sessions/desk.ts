import type { BackupHead } from "../../../shared/sessions/backup.ts";
import type { Session } from "../../../shared/sessions/session.ts";
import type { SessionSettings } from "../../../shared/sessions/settings.ts";
import type { Turn } from "../../../shared/sessions/turn.ts";
import { type Made, made, madeLater } from "../made.ts";
import type { ArchivePort } from "./archive-port.ts";
import type { SessionConfiguration } from "./configuration.ts";
import { TIER_LIMITS } from "./limits.ts";
import { type Embedder, MeaningIndex } from "./meaning/meaning-index.ts";
import type { SearchAnswer } from "./search.ts";
import type { NewSession } from "./session-writer.ts";
import { SessionStore } from "./store.ts";
import type { ImportedSession } from "./take-in.ts";
import type { ListFilter } from "./table.ts";
import { sessionTables, type Transaction } from "./tables.ts";
import { type Adopted, Adoption } from "./tiers/adoption.ts";
import type { BackupStore } from "./tiers/backup-store.ts";
import { Tiers } from "./tiers/tiers.ts";
import { noSuchSession } from "./turn-reader.ts";

/** What the Worker may ask of the desk: see `sessionsOf`. */
export const SESSION_METHODS = [
  "create",
  "get",
  "list",
  "change",
  "remove",
  "fork",
  "turns",
  "search",
  "importSessions",
  "settingsOf",
  "setSettingsOf",
  "adopt",
] as const;
export type SessionMethod = (typeof SESSION_METHODS)[number];

export interface SessionDeskOptions {
  sql: SqlStorage;
  transaction: Transaction;
  configuration: SessionConfiguration;
  /** Absent: every turn stays here. */
  archive?: ArchivePort;
  /** Absent: there is no backup. */
  backup?: BackupStore | undefined;
  /** Absent: conversations are searched by words alone. */
  embedder?: Embedder;
  /** A conversation is about to be deleted. */
  onRemove?: (id: string) => void;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange?: () => void;
  now?: () => number;
}

/** Turns of a session, with how many it has in all. */
export interface TurnPage {
  turns: Turn[];
  turnCount: number;
}

/** The conversations of a household: the Worker reaches it by `sessionsOf`. Nobody sees another's, the owner included. */
export class SessionDesk {
  /** For the parts of Home that write turns. */
  readonly store: SessionStore;
  readonly #tiers: Tiers | undefined;
  readonly #adoption: Adoption;
  readonly #meaning: MeaningIndex | undefined;
  readonly #onRemove: (id: string) => void;
  readonly #now: () => number;

  constructor({
    sql,
    transaction,
    configuration,
    archive,
    backup,
    embedder,
    onRemove,
    onChange,
    now = Date.now,
  }: SessionDeskOptions) {
    this.#now = now;
    const tables = sessionTables(sql);
    this.#onRemove = onRemove ?? ((): void => undefined);
    const { hotTurns, coldAfterMs } = configuration;
    const changed = onChange ?? ((): void => undefined);
    this.store = new SessionStore({ tables, transaction, archive, hotTurns, onChange: changed, now });
    this.#adoption = new Adoption({ tables, transaction, now });
    const { vectors } = tables;
    const { store } = this;
    this.#meaning = embedder && new MeaningIndex({ vectors, store, transaction, embedder, onChange: changed, now });
    this.#tiers = archive && new Tiers({ tables, transaction, archive, backup, coldAfterMs, onChange: changed, now });
  }

  /** Does what is due, some of it. Call it at `nextAtMs`. */
  async tick(): Promise<void> {
    if (!this.store.isTidy) this.store.tidy();
    await Promise.all([this.#tiers?.tick(), this.#meaning?.tick()]);
  }

  nextAtMs(): number | undefined {
    if (!this.store.isTidy) return this.#now();
    const moments = [this.#tiers?.nextAtMs(), this.#meaning?.nextAtMs()].filter((atMs) => atMs !== undefined);
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  /** A machine came or went. */
  machinesChanged(): void {
    this.#tiers?.machinesChanged();
    this.#meaning?.machinesChanged();
  }

  /** Takes back what a machine restored from the backup: see `Adoption`. */
  adopt(agentId: string, head: BackupHead, turns: Turn[]): Made<Adopted> {
    return made(() => this.#adoption.adopt(agentId, head, turns));
  }

  /** Refused as `too_many_sessions`. */
  create(wanted: NewSession): Made<Session> {
    return made(() => this.store.create(wanted));
  }

  get(id: string, userId: string): Session | undefined {
    return this.store.get(id, userId);
  }

  list(filter: ListFilter & { query?: string }): Session[] {
    return this.store.list(filter);
  }

  change(id: string, userId: string, change: Partial<Pick<Session, "title" | "settings">>): Session | undefined {
    return this.store.change(id, userId, change);
  }

  remove(id: string, userId: string): boolean {
    if (this.store.get(id, userId) !== undefined) this.#onRemove(id);
    return this.store.remove(id, userId);
  }

  async fork(id: string, userId: string, upTo: number): Promise<Made<Session>> {
    return await madeLater(async () => await this.store.fork(id, userId, upTo));
  }

  /** Turns from `from` on: at most `limit`, or what fits into an answer. Refused as `not_found`, `archive_offline`. */
  async turns(id: string, userId: string, from: number, limit: number): Promise<Made<TurnPage>> {
    return await madeLater(async () => {
      const session = this.store.get(id, userId);
      if (session === undefined) throw noSuchSession();
      const turns = await this.store.page(id, from, from + limit, TIER_LIMITS.pageBytes);
      return { turns, turnCount: session.turnCount };
    });
  }

  async search(userId: string, query: string, limit: number): Promise<SearchAnswer> {
    return await this.store.search(userId, query, limit, this.#meaning);
  }

  /** Each by itself: one that is refused keeps no other out. */
  importSessions(imported: ImportedSession[]): Made<{ session: Session; known: boolean }>[] {
    return imported.map((session) => made(() => this.store.importSession(session)));
  }

  settingsOf(userId: string): SessionSettings {
    return this.store.settingsOf(userId);
  }

  setSettingsOf(userId: string, settings: SessionSettings): SessionSettings {
    return this.store.setSettingsOf(userId, settings);
  }

  /** A person left. */
  personGone(userId: string): void {
    this.store.personGone(userId);
  }
}

/** Refuses a session that is not there. */
export function requireSession(session: Session | undefined): Session {
  if (session === undefined) throw noSuchSession();
  return session;
}

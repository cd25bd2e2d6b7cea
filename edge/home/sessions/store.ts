import { parseWith } from "../../../shared/api/validation.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import { type Session, type SessionSummary } from "../../../shared/sessions/session.ts";
import type { SessionSettings } from "../../../shared/sessions/settings.ts";
import { type NewTurn, newTurnSchema, type Turn } from "../../../shared/sessions/turn.ts";
import type { ArchivePort } from "./archive-port.ts";
import { checkTurn, endOf, type TurnEnd } from "./checked-turn.ts";
import { HotTurns } from "./hot-turns.ts";
import { TIER_LIMITS } from "./limits.ts";
import type { MeaningIndex } from "./meaning/meaning-index.ts";
import { type SearchAnswer, searchSessions } from "./search.ts";
import { type NewSession, SessionWriter } from "./session-writer.ts";
import { type ImportedSession, type TakenIn, takeIn } from "./take-in.ts";
import { type ListFilter, type SessionRow, shownSession } from "./table.ts";
import type { SessionTables, Transaction } from "./tables.ts";
import { COMPRESSION, noSuchSession, TurnReader } from "./turn-reader.ts";

export interface SessionStoreOptions {
  tables: SessionTables;
  transaction: Transaction;
  /** Absent: nothing is ever cold. */
  archive?: ArchivePort | undefined;
  /** How many turns of the household are kept in memory. */
  hotTurns: number;
  /** Something changed that the tiers may have to follow. */
  onChange?: () => void;
  now?: () => number;
}

/** A fork is read into memory: most of what a Worker has is for that. */
const FORK_BYTES = 24 * 1024 * 1024;

/**
 * The conversations of a household. Whose they are is checked where a `userId` is asked for; the other methods are for Home's own parts.
 * Methods that answer at once are one step, written whole or not at all.
 */
export class SessionStore {
  readonly #tables: SessionTables;
  readonly #transaction: Transaction;
  readonly #archive: ArchivePort | undefined;
  readonly #hot: HotTurns;
  readonly #reader: TurnReader;
  readonly #writer: SessionWriter;
  readonly #onChange: () => void;
  readonly #now: () => number;

  constructor({
    tables,
    transaction,
    archive,
    hotTurns,
    onChange = () => undefined,
    now = Date.now,
  }: SessionStoreOptions) {
    this.#tables = tables;
    this.#transaction = transaction;
    this.#archive = archive;
    this.#hot = new HotTurns(hotTurns);
    this.#reader = new TurnReader({ tables, archive, hot: this.#hot });
    this.#writer = new SessionWriter({ tables, hot: this.#hot, now });
    this.#onChange = onChange;
    this.#now = now;
  }

  /** Throws `too_many_sessions`. */
  create(wanted: NewSession): Session {
    return this.#step(() => shownSession(this.#writer.add(this.#writer.newSession(wanted))));
  }

  /** Undefined where the person has none of this id. */
  get(id: string, userId: string): Session | undefined {
    const row = this.#tables.sessions.find(id);
    return row?.userId === userId ? shownSession(row) : undefined;
  }

  /** Whosever it is. */
  find(id: string): Session | undefined {
    const row = this.#tables.sessions.find(id);
    return row && shownSession(row);
  }

  /** The one that changed last first; with a query, those whose titles have its words. */
  list({ query, ...filter }: ListFilter & { query?: string }): Session[] {
    if (query === undefined) return this.#tables.sessions.list(filter).map(shownSession);
    return this.#tables.index
      .titles(filter.userId, query, filter.limit)
      .flatMap(({ seq }) => this.#tables.sessions.bySeq(seq) ?? [])
      .map(shownSession)
      .toSorted((a, b) => b.updatedAtMs - a.updatedAtMs);
  }

  /** Renames a session, or sets its settings (all of them). Undefined where the person has none of this id. */
  change(id: string, userId: string, change: Partial<Pick<Session, "title" | "settings">>): Session | undefined {
    return this.#step(() => {
      const row = this.#tables.sessions.find(id);
      if (row?.userId !== userId) return undefined;
      this.#tables.sessions.change(id, change);
      if (change.title !== undefined) this.#tables.index.setTitle(row.seq, change.title);
      return this.find(id);
    });
  }

  /** What left the window, in short. Nothing happens where the session is gone. */
  setSummary(id: string, summary: SessionSummary): void {
    this.#step(() => this.#tables.sessions.change(id, { summary }));
  }

  /** A new session that begins with the turns before `upTo`. Rejects with `not_found`, `archive_offline`, `body_too_large`, `session_busy`. */
  async fork(id: string, userId: string, upTo: number): Promise<Session> {
    const from = this.#require(id, userId);
    if (upTo < 1 || upTo > from.turnCount) throw noSuchTurn(from);
    this.#requireForkable(id, upTo);
    const turns = await this.#reader.turns(id, 0, upTo);
    if (turns.some(({ state }) => state === "answering")) throw new PorchlightError("session_busy");
    return this.#step(() => {
      const { title, settings } = this.#require(id, userId);
      const forked = this.#writer.newSession({ userId, title, settings, forkedFrom: { sessionId: id, upTo } });
      const summary = from.summary !== undefined && from.summary.upTo <= upTo ? { summary: from.summary } : {};
      const row = this.#writer.add({ ...forked, ...summary, turnCount: turns.length });
      for (const { runId: _run, ...turn } of turns) this.#writer.insert(row, turn, this.#now());
      return shownSession(row);
    });
  }

  /** Deletes a session everywhere: here at once, elsewhere as soon as it can be told. Returns whether the person had one of this id. */
  remove(id: string, userId: string): boolean {
    return this.#step(() => {
      const row = this.#tables.sessions.find(id);
      if (row?.userId !== userId) return false;
      this.#writer.remove(row);
      return true;
    });
  }

  /** A person left: nothing of theirs stays. What `tidy` is for may take a while. */
  personGone(userId: string): void {
    this.#step(() => this.#tables.sessions.depart(userId));
    this.tidy();
  }

  /** Deletes sessions of people who left, some of them: see `isTidy`. */
  tidy(): void {
    for (const userId of this.#tables.sessions.departed()) {
      const ids = this.#tables.sessions.idsOf(userId, TIER_LIMITS.removalsAtOnce);
      for (const id of ids) this.remove(id, userId);
      if (ids.length < TIER_LIMITS.removalsAtOnce) this.#tables.sessions.forgetDeparted(userId);
    }
  }

  /** Whether nobody who left has sessions here. */
  get isTidy(): boolean {
    return this.#tables.sessions.departed().length === 0;
  }

  /** Puts a turn at the end. Throws `not_found`, `session_busy` while the one before is answered, `session_full`, `body_too_large`. */
  addTurn(sessionId: string, turn: NewTurn): Turn {
    return this.#step(() => {
      const row = this.#require(sessionId);
      this.#requireIdle(row);
      if (row.turnCount >= SESSION_LIMITS.turnsPerSession) throw new PorchlightError("session_full");
      const added = checkTurn({ ...parseWith(newTurnSchema, turn), index: row.turnCount });
      this.#writer.insert(row, added, this.#now());
      this.#tables.sessions.change(sessionId, { turnCount: row.turnCount + 1, updatedAtMs: this.#now() });
      return added;
    });
  }

  /** Ends a turn that is answered, once. Undefined where it ended before, or is gone. An end that is too large ends it as failed. */
  finishTurn(sessionId: string, index: number, { runId, ...end }: TurnEnd): Turn | undefined {
    return this.#step(() => {
      const row = this.#tables.sessions.find(sessionId);
      const [turn] = row === undefined ? [] : this.#tables.turns.turns(sessionId, index, index + 1);
      if (row === undefined || turn?.state !== "answering") return undefined;
      if (runId !== undefined && turn.runId !== runId) return undefined;
      const ended = endOf(turn, end);
      this.#writer.cut(sessionId, index, index + 1);
      this.#writer.insert(row, ended, this.#now());
      this.#tables.sessions.change(sessionId, { updatedAtMs: this.#now() });
      return ended;
    });
  }

  /** Says anew what was sent for a turn that is answered. */
  noteTrace(sessionId: string, index: number, trace: NonNullable<Turn["trace"]>): void {
    this.#step(() => {
      const row = this.#tables.sessions.find(sessionId);
      const [turn] = this.#tables.turns.turns(sessionId, index, index + 1);
      if (row === undefined || turn?.state !== "answering") return;
      this.#writer.cut(sessionId, index, index + 1);
      this.#writer.insert(row, checkTurn({ ...turn, trace }), this.#now());
    });
  }

  /** The last `limit` turns before `before`, without those that are no longer here. */
  hotTurns(sessionId: string, before: number, limit: number): Turn[] {
    const coldTo = this.#tables.sessions.find(sessionId)?.coldTo ?? 0;
    return this.#tables.turns.turns(sessionId, Math.max(coldTo, before - limit), before);
  }

  /** Where the turn is that a generation answers, or answered. */
  turnOfRun(runId: string): { sessionId: string; index: number } | undefined {
    return this.#tables.turns.byRun(runId);
  }

  /** Turns whose end is yet to come. */
  answering(): { sessionId: string; index: number }[] {
    return this.#tables.turns.answering();
  }

  /**
   * Turns `from` to before `to`, as far as there are any, wherever they are. Rejects with `not_found` where there is no such session,
   * `archive_offline` where the machine that keeps some of them is not there.
   */
  async turns(sessionId: string, from: number, to: number): Promise<Turn[]> {
    return await this.#reader.turns(sessionId, Math.max(0, from), to);
  }

  /** Turns `from` to before `to` or a little less: about `bytes` together, but one at least. Rejects as `turns` does. */
  async page(sessionId: string, from: number, to: number, bytes: number): Promise<Turn[]> {
    return await this.turns(sessionId, from, this.#reader.pageEnd(sessionId, from, to, bytes));
  }

  /**
   * The last turns before `before`, at most `limit` of them and about `bytes` together: the cold ones too while their machine is there.
   * Rejects with `not_found`.
   */
  async turnsBefore(
    sessionId: string,
    before: number,
    { limit, bytes }: { limit: number; bytes: number },
  ): Promise<Turn[]> {
    const from = this.#reader.pageStart(sessionId, Math.max(0, before - limit), before, bytes);
    try {
      return await this.turns(sessionId, from, before);
    } catch (error) {
      if (error instanceof PorchlightError && error.code === "archive_offline") {
        return this.hotTurns(sessionId, before, before - from);
      }
      throw error;
    }
  }

  /** Another turn in the place of the last, which comes back here first if it is cold. Rejects as `addTurn` and `turns` do. */
  async replaceLast(sessionId: string, turn: NewTurn): Promise<Turn> {
    const checked = parseWith(newTurnSchema, turn);
    for (;;) {
      const { turnCount, coldTo } = this.#require(sessionId);
      if (turnCount === 0) throw new PorchlightError("not_found", "This conversation has no turn yet.");
      if (turnCount > coldTo) return this.#step(() => this.#replaceLast(sessionId, checked));
      await this.#thaw(sessionId);
    }
  }

  /** What was found in titles and turns, here and at the machines that are online: by its words, and with `meaning` by that too. */
  async search(
    userId: string,
    query: string,
    limit: number,
    meaning?: Pick<MeaningIndex, "search">,
  ): Promise<SearchAnswer> {
    const [tables, reader, archive] = [this.#tables, this.#reader, this.#archive];
    return await searchSessions({ tables, reader, archive, userId, query, limit, meaning });
  }

  /** Takes a conversation in: see `takeIn`. */
  importSession(imported: ImportedSession): TakenIn {
    return this.#step(() => takeIn(imported, this.#tables, this.#writer));
  }

  /** What a person set for all their sessions. */
  settingsOf(userId: string): SessionSettings {
    return this.#tables.sessions.settingsOf(userId);
  }

  setSettingsOf(userId: string, settings: SessionSettings): SessionSettings {
    this.#tables.sessions.setSettingsOf(userId, settings);
    return settings;
  }

  /** Turns are no longer where they were: memory forgets them. */
  forgetTurns(sessionId: string, from: number, to: number): void {
    this.#hot.drop(sessionId, from, to);
  }

  #replaceLast(sessionId: string, turn: NewTurn): Turn {
    const row = this.#require(sessionId);
    this.#requireIdle(row);
    const index = row.turnCount - 1;
    // It may be on its way to a machine: what arrives there is not it any more.
    for (const segment of this.#tables.segments.of(sessionId)) {
      if (segment.state === "moving" && segment.to > index) {
        this.#tables.segments.remove(segment.id);
        this.#tables.drops.addSegment(segment.id, segment.agentId);
      }
    }
    this.#writer.cut(sessionId, index, index + 1);
    const replaced = checkTurn({ ...turn, index });
    this.#writer.insert(row, replaced, this.#now());
    if (row.summary !== undefined && row.summary.upTo > index) this.#tables.sessions.dropSummary(sessionId);
    this.#tables.sessions.change(sessionId, { updatedAtMs: this.#now() });
    return replaced;
  }

  /** Brings the last cold segment back. */
  async #thaw(sessionId: string): Promise<void> {
    const segment = this.#tables.segments.of(sessionId).findLast(({ state }) => state === "cold");
    if (segment === undefined) throw new Error(`session ${sessionId}: its cold turns are in no segment`);
    const turns = await this.#reader.segment(segment);
    this.#step(() => {
      const row = this.#tables.sessions.find(sessionId);
      const now = this.#tables.segments.find(segment.id);
      if (row?.coldTo !== segment.to || now?.agentId !== segment.agentId) return; // Another was quicker.
      for (const turn of turns) this.#writer.insert(row, turn, this.#now());
      this.#tables.segments.remove(segment.id);
      this.#tables.drops.addSegment(segment.id, segment.agentId);
      this.#tables.sessions.setColdTo(sessionId, segment.from);
    });
  }

  #requireIdle({ id, turnCount }: SessionRow): void {
    const [last] = this.#tables.turns.heads(id, turnCount - 1, turnCount);
    if (last?.state === "answering") throw new PorchlightError("session_busy");
  }

  #requireForkable(id: string, upTo: number): void {
    const hot = this.#tables.turns.heads(id, 0, upTo).reduce((sum, { bytes }) => sum + bytes, 0);
    const cold = this.#tables.segments
      .of(id)
      .filter(({ from, state }) => state === "cold" && from < upTo)
      .reduce((sum, { bytes }) => sum + bytes * COMPRESSION, 0);
    if (hot + cold <= FORK_BYTES) return;
    throw new PorchlightError(
      "body_too_large",
      "This conversation is too long to be copied. Fork it at an earlier turn.",
    );
  }

  #require(id: string, userId?: string): SessionRow {
    const row = this.#tables.sessions.find(id);
    if (row === undefined || (userId !== undefined && row.userId !== userId)) throw noSuchSession();
    return row;
  }

  #step<T>(step: () => T): T {
    const answer = this.#transaction(step);
    this.#onChange();
    return answer;
  }
}

function noSuchTurn({ turnCount }: SessionRow): PorchlightError {
  const sentence = `This conversation has ${turnCount} turns: 'upTo' is from 1 to that.`;
  return new PorchlightError("invalid_request", sentence, { param: "upTo" });
}

import { LineSplitter } from "../../../shared/protocol/run-lines.ts";
import type { Quotas } from "../quota/quotas.ts";
import { RUN_LIMITS } from "./limits.ts";
import { Run } from "./run.ts";
import { RunLog } from "./run-log.ts";
import type { RunTable, StoredRun } from "./run-table.ts";

/** The runs that there are: in memory, and those of an object before this one that nobody has asked for yet. */
export class RunShelf {
  readonly #table: RunTable;
  readonly #quotas: Quotas;
  readonly #runs = new Map<string, Run>();
  readonly #stored = new Map<string, StoredRun>();

  constructor(table: RunTable, quotas: Quotas) {
    this.#table = table;
    this.#quotas = quotas;
    for (const run of table.all()) this.#stored.set(run.id, run);
  }

  /** Those in memory. */
  get all(): Run[] {
    return [...this.#runs.values()];
  }

  /** The others. */
  get stored(): StoredRun[] {
    return [...this.#stored.values()];
  }

  /** One that is in memory. */
  get(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  add(run: Run): void {
    this.#runs.set(run.id, run);
  }

  /** Reads in what was written down of a run; undefined where that was done before, or there is nothing. */
  takeUp(id: string): Run | undefined {
    const stored = this.#stored.get(id);
    if (stored === undefined) return undefined;
    this.#stored.delete(id);
    const { record, createdAtMs, endedAtMs } = stored;
    const log = new RunLog();
    for (const { bytes } of this.#table.lines(id)) log.append(new LineSplitter(bytes.length).push(bytes));
    const bodyBytes = this.#table.body(id).length;
    const { caller, model } = record;
    const ticket = this.#quotas.takeUp({ caller, model, bodyBytes });
    const run = new Run({ id, record, ticket, bodyBytes, createdAtMs, log });
    run.isStored = true;
    run.endedAtMs = endedAtMs;
    if (endedAtMs !== undefined) ticket.cancel();
    this.add(run);
    return run;
  }

  remove(id: string): void {
    const run = this.#runs.get(id);
    if (run === undefined || run.isStored) this.#table.remove(id);
    this.#runs.delete(id);
    this.#stored.delete(id);
  }

  /** When `tidy` is due, if ever. */
  nextAtMs(): number | undefined {
    const ends = this.all.flatMap(({ endedAtMs }) => (endedAtMs === undefined ? [] : [endedAtMs]));
    const stored = this.stored.map(({ createdAtMs, endedAtMs }) => endedAtMs ?? createdAtMs);
    const all = [...ends, ...stored];
    return all.length === 0 ? undefined : Math.min(...all) + RUN_LIMITS.keptMs + 1;
  }

  /** Forgets what is too old to be taken up. */
  tidy(nowMs: number): void {
    const before = nowMs - RUN_LIMITS.keptMs;
    for (const { id, createdAtMs, endedAtMs } of this.stored) {
      if ((endedAtMs ?? createdAtMs) <= before) this.remove(id);
    }
    for (const { id, endedAtMs } of this.all) {
      if (endedAtMs !== undefined && endedAtMs <= before) this.remove(id);
    }
  }

  /** Forgets ended runs, the oldest first, until the rest takes no more memory than it may. */
  makeRoom(): void {
    const ended = this.all.filter((run) => run.ended);
    let bytes = ended.reduce((total, run) => total + run.log.bytes, 0);
    for (const run of ended) {
      if (bytes <= RUN_LIMITS.endedBytes) return;
      if (run.readers.size > 0) continue;
      bytes -= run.log.bytes;
      this.remove(run.id);
    }
  }
}

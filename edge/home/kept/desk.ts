import { type KeptRecord, RESPONSES } from "../../../shared/api/openai/kept/records.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { type Made, made } from "../made.ts";
import { KEPT_LIMITS } from "./limits.ts";
import { RecordTable } from "./record-table.ts";

/** What the Worker may ask of the desk: see `keptRecordsOf`. */
export const KEPT_METHODS = ["get", "list", "put", "delete"] as const;
export type KeptMethod = (typeof KEPT_METHODS)[number];

export interface KeptDeskOptions {
  sql: SqlStorage;
  transaction: (step: () => void) => void;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange: () => void;
  now?: () => number;
  limits?: { [Name in keyof typeof KEPT_LIMITS]: number };
}

/** Responses and conversations of OpenAI's clients, each its caller's own: a key's, or a person's at a browser. */
export class KeptDesk {
  readonly #table: RecordTable;
  readonly #transaction: (step: () => void) => void;
  readonly #onChange: () => void;
  readonly #now: () => number;
  readonly #limits: { [Name in keyof typeof KEPT_LIMITS]: number };

  constructor({ sql, transaction, onChange, now = Date.now, limits = KEPT_LIMITS }: KeptDeskOptions) {
    this.#table = new RecordTable(sql);
    this.#transaction = transaction;
    this.#onChange = onChange;
    this.#now = now;
    this.#limits = limits;
  }

  get(callerId: string, id: string): string | undefined {
    return this.#table.get(callerId, id, this.#now());
  }

  list(callerId: string, group: string): KeptRecord[] {
    return this.#table.list(callerId, group, this.#now());
  }

  /** Writes all of them or none. Refused as `records_full`. */
  put(callerId: string, group: string, records: readonly KeptRecord[]): Made<null> {
    return made(() => {
      const untilMs = this.#now() + this.#limits.keptMs;
      this.#transaction(() => {
        for (const record of records) this.#table.put(callerId, group, record, untilMs);
        this.#makeRoom(callerId);
      });
      this.#onChange();
      return null;
    });
  }

  /** Returns whether there was one. */
  delete(callerId: string, id: string): boolean {
    return this.#table.remove(callerId, id);
  }

  /** A key was revoked, or a person left. */
  callerGone(id: string): void {
    this.#table.removeOf(id);
  }

  /** Forgets what is too old. Call it at `nextAtMs`. */
  tick(): void {
    this.#table.purge(this.#now());
    this.#onChange();
  }

  nextAtMs(): number | undefined {
    return this.#table.nextEndMs();
  }

  /** The caller's oldest responses leave, never another's. */
  #makeRoom(callerId: string): void {
    const { bytesPerCaller, bytes, recordsPerCaller } = this.#limits;
    for (;;) {
      const own = this.#table.size(callerId);
      const fits = own.bytes <= bytesPerCaller && own.records <= recordsPerCaller;
      if (fits && this.#table.size().bytes <= bytes) return;
      if (!this.#table.removeOldest(RESPONSES, callerId)) throw new PorchlightError("records_full");
    }
  }
}

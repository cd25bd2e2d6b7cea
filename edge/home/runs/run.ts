import type { PorchlightError } from "../../../shared/errors.ts";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";
import type { Placement } from "../dispatch/dispatcher.ts";
import { OutcomeReader } from "../dispatch/outcome-reader.ts";
import type { PrefixKey } from "../dispatch/prefix-keys.ts";
import type { Ticket } from "../quota/quotas.ts";
import { RUN_LIMITS } from "./limits.ts";
import { RunLog } from "./run-log.ts";
import { Rounds } from "./rounds.ts";
import type { RunRecord } from "./run-table.ts";

/** A stream that brings a run's lines. */
export interface Feed {
  stream: ProtocolStream;
  agentId: string;
  /** Whether the agent keeps the run when the stream is lost. */
  keeps: boolean;
  /** Number of the first line it brings. */
  first: number;
  /** Whether it only asked for lines that the agent was to have. */
  isResumed: boolean;
}

/** What is waited for: its machine, another try there, another machine, a reader. */
export type RunTimer = "lost" | "again" | "elsewhere" | "orphan" | "awake";

/** Somebody who takes a run's lines. */
export interface Reader {
  /** What of the whole answer was taken, in bytes. */
  takenBytes: number;
}

/** One generation as the Home object knows it: its lines, where they come from, who takes them. */
export class Run {
  readonly id: string;
  record: RunRecord;
  readonly log: RunLog;
  readonly createdAtMs: number;
  readonly ticket: Ticket;
  readonly readers = new Set<Reader>();
  outcome = new OutcomeReader();
  /** The request, until it is written down. */
  body: Uint8Array | undefined;
  bodyBytes: number;
  prefix: readonly PrefixKey[] = [];
  feed: Feed | undefined;
  placement: Placement | undefined;
  /** Lines that are in SQLite. */
  durable: number;
  isStored = false;
  endedAtMs: number | undefined;
  /** Why it came to no end of its own. */
  failure: PorchlightError | undefined;
  /** Times it was given to a machine, and how many of them in a row brought nothing. */
  attempts = 1;
  fruitless = 0;
  /** Of one whose tools are called here. */
  readonly rounds: Rounds | undefined;
  /** When its calls began to be made, while they are. */
  callingSinceMs: number | undefined;
  /** The last that was said of how far it is. */
  progress: Uint8Array | undefined;
  /** Its machine, or whoever waits for it, is waited for. */
  timers: Partial<Record<RunTimer, ReturnType<typeof setTimeout>>> = {};
  #changed = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();

  constructor(options: {
    id: string;
    record: RunRecord;
    ticket: Ticket;
    bodyBytes: number;
    createdAtMs: number;
    log?: RunLog;
  }) {
    this.id = options.id;
    this.record = options.record;
    this.ticket = options.ticket;
    this.bodyBytes = options.bodyBytes;
    this.createdAtMs = options.createdAtMs;
    this.log = options.log ?? new RunLog();
    this.durable = this.log.next;
    this.rounds = options.record.rounds && new Rounds(options.record.rounds);
    this.rounds?.read(this.log);
  }

  /** Number of the first line of what the model says now. */
  get first(): number {
    return this.record.rounds?.first ?? 0;
  }

  get ended(): boolean {
    return this.endedAtMs !== undefined;
  }

  /** Whether it goes on though nobody reads it. */
  get isKept(): boolean {
    return this.record.kept || this.record.owner !== "client";
  }

  /** Lines came, or the end. */
  notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }

  /** Resolves at the next `notify`. */
  change(): Promise<void> {
    return this.#changed.promise;
  }

  /** A reader took something, or left. */
  taken(): void {
    const { resolve } = this.#taken;
    this.#taken = Promise.withResolvers();
    resolve();
  }

  /** Resolves when every reader is near the end of what there is: only then more is taken from the agent. */
  async room(): Promise<void> {
    const isBehind = ({ takenBytes }: Reader) => this.log.end - takenBytes > RUN_LIMITS.behindBytes;
    while (!this.ended && [...this.readers].some(isBehind)) await this.#taken.promise;
  }

  clearTimers(...names: RunTimer[]): void {
    for (const name of names) {
      clearTimeout(this.timers[name] ?? null);
      delete this.timers[name];
    }
  }
}

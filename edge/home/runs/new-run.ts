import type { WireError } from "../../../shared/errors.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import type { Demand } from "../dispatch/dispatcher.ts";
import type { PrefixKey } from "../dispatch/prefix-keys.ts";
import type { Quotas } from "../quota/quotas.ts";
import type { RunMachines } from "./machines.ts";
import type { RoundsPlan } from "./rounds.ts";
import type { RunOwnerName } from "./run-table.ts";

/** What a run came to: its whole answer, or why not, with what had come by then. */
export type RunOutcome = { events: GenerateEvent[] } | { error: WireError; partial: GenerateEvent[] };

/** A run that has ended, as its owner hears of it. */
export interface EndedRun {
  id: string;
  owner: RunOwnerName;
  caller: Caller;
  note: string;
  outcome: RunOutcome;
}

/** A run whose model has asked for calls that are made here. */
export interface CallingRun {
  id: string;
  owner: RunOwnerName;
  round: number;
  /** The request that this round answered. */
  body: Uint8Array;
  /** What has come of it. */
  events: GenerateEvent[];
}

/** Makes the calls of runs: each `called` is answered by `Runs.say`, and at last `Runs.next` or `Runs.fail`. */
export interface RunCalls {
  /** May come again for a round, in another life of this object: then its events have what was said by then. */
  called(run: CallingRun): void;
  /** It has ended, whatever became of its calls. */
  over(id: string): void;
}

/** What runs stand on. */
export interface RunsOptions {
  sql: SqlStorage;
  quotas: Quotas;
  machines: RunMachines;
  /** Most tokens that a request can cost. */
  worstTokens(demand: Demand): number;
  /** A run that somebody else than its client owns has ended; in the step that writes it down. */
  onEnded?(run: EndedRun): void;
  /** The request of a run, for which its model's context is too small, with less in it; undefined where there is none. In one step. */
  shorter?(run: { id: string; owner: RunOwnerName; body: Uint8Array }): Uint8Array | undefined;
  calls?: RunCalls;
  /** `tidy` is due at that time at the latest. */
  onDue(atMs: number): void;
  now?: () => number;
}

/** A run as it is asked for. */
export interface NewRun {
  id: string;
  caller: Caller;
  model: string;
  maxTokens?: number | undefined;
  prefix: readonly PrefixKey[];
  /** The canonical request as JSON. */
  body: Uint8Array;
  note?: string;
  kept?: boolean;
  /** Absent: the client. */
  owner?: RunOwnerName;
  /** Whether another machine may go on with it once it has begun. */
  replay?: boolean;
  /** Tools that are called here. */
  rounds?: RoundsPlan | undefined;
  /** Called in the step in which it starts; not for one that was started before. */
  onStarted?: () => void;
}

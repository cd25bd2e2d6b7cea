import type { WireError } from "../../../shared/errors.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import type { Demand } from "../dispatch/dispatcher.ts";
import type { PrefixKey } from "../dispatch/prefix-keys.ts";
import type { Quotas } from "../quota/quotas.ts";
import type { RunMachines } from "./machines.ts";

/** What runs stand on. */
export interface RunsOptions {
  sql: SqlStorage;
  quotas: Quotas;
  machines: RunMachines;
  /** Most tokens that a request can cost. */
  worstTokens(demand: Demand): number;
  /** A run of `job` has ended; in the step that writes it down. */
  onJobEnded?(id: string, end: { events: GenerateEvent[] } | { error: WireError }): void;
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
  job?: boolean;
  /** Whether another machine may go on with it once it has begun. */
  replay?: boolean;
}

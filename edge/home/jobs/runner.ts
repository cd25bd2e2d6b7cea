import type { WireError } from "../../../shared/errors.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { Caller } from "../../credentials/key-grant.ts";

/** One attempt at a job, as it is handed to the machines. */
export interface JobRun {
  runId: string;
  model: string;
  caller: Caller;
  /** The canonical request as JSON. */
  body: Uint8Array;
  maxTokens: number | undefined;
}

/** What a job needs of a machine. */
export interface JobNeeds {
  model: string;
  bodyBytes: number;
  maxTokens: number | undefined;
}

/** How an attempt ended: with its whole answer, or not. */
export type RunEnd = { events: GenerateEvent[] } | { error: WireError };

/** How far an attempt is. */
export interface RunProgress {
  stage: "queued" | "loading" | "prefill" | "answering";
  /** Of the answer so far, about: events that carried text. */
  pieces: number;
}

/** A machine that could take a job, for the estimate of when it starts. */
export interface Prospect {
  agentId: string;
  slots: number;
  /** Requests that it is at. */
  load: number;
  /** Until it has a slot that is free. */
  waitMs: number;
  /** How long it would be at this job. */
  runMs: number;
}

/**
 * The household's machines, as the queue knows them. What a run comes to is told to `JobQueue.ended`, once, by its id and never while
 * `start` is on the stack: it may be another life of the Home object that hears of it.
 */
export interface JobRunner {
  /** Whether a machine would take this at once, without waiting behind others. Throws PorchlightError where none can take it now, or ever. */
  hasRoom(needs: JobNeeds): boolean;
  /** Starts an attempt. Throws PorchlightError, among them QuotaError: then nothing was started. */
  start(run: JobRun): void;
  /** Stops one, if it is under way. */
  cancel(runId: string): void;
  /** Whether it is under way, or its end has yet to be told. */
  has(runId: string): boolean;
  progress(runId: string): RunProgress | undefined;
  /** Machines that can take it, the quickest first. Empty where none can now. */
  prospects(needs: JobNeeds): Prospect[];
}

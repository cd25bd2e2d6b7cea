import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";

/** Limits of runs in the Home object, each with its reason. */
export const RUN_LIMITS = {
  /** Of one answer: beyond it a client can no longer come back to it. As much as an agent keeps. */
  logBytes: 4 * 1024 * 1024,
  /** All ended answers in memory: an object has 128 MB for everything. The oldest go first; they may still be with their agent. */
  endedBytes: 16 * 1024 * 1024,
  /** How long a run can be taken up again after its end. */
  keptMs: 10 * 60_000,
  /** Lines are written down this long after they came: what is written once for many costs one row. */
  checkpointMs: 1_000,
  /** Or as soon as there are so many bytes of them. */
  checkpointBytes: 64 * 1024,
  /** How many lines a client may be ahead of what was written down: an agent has them still, or makes them again. */
  aheadLines: 1_000_000,
  /** A body longer than this has pieces of its own: a row takes 2 MB. */
  pieceBytes: 1024 * 1024,
  /** How far a reader may be behind before nothing more is taken from the agent, which then waits: that bounds what a stalled client holds. */
  behindBytes: 64 * 1024,
  /** How long a run waits for its machine, which mostly is back within seconds; twice the longest that one waits before it dials. */
  lostMs: 2 * PROTOCOL_LIMITS.reconnectMaxMs,
  /** How long a run that nobody reads goes on after this object started anew: its client is about to come back. */
  orphanMs: 30_000,
  /** How often one run is given to a machine at most, and how often in a row without a line more. */
  attempts: 16,
  fruitless: 6,
  /** Before a machine whose model's process died is asked again; doubles. */
  againMs: 250,
  /** A timer at least so often keeps an object from hibernating, which it may after ten seconds without anything to do. */
  awakeMs: 5_000,
} as const;

import { SESSION_LIMITS } from "../../../../shared/sessions/limits.ts";

/** What calls of tools in a conversation may take, each with its reason. */
export const LOOP_LIMITS = {
  /** Rounds of calls where nobody set another number, and at most. */
  rounds: 8,
  roundsMax: SESSION_LIMITS.toolRounds,
  /** Of one round: a model that asks for more has lost its way. */
  callsPerRound: 16,
  /** Tools that are offered at once: a model of a home machine does not choose well among more. */
  tools: 24,
  /** Of the model's context, what their descriptions take at most. */
  toolsPart: 4,
  /** Of one result, as the model is told it. */
  resultCharacters: 16_000,
  /** Whatever is left of the context: less than this says nothing. */
  leastCharacters: 400,
  /** What one character of a result is in tokens, at most, as a part: rather too many than too few. */
  charactersPerToken: 3,
  /** The same call is not made again once it has failed so often. */
  sameFailures: 2,
  /** Beyond what any runtime lets a call take: one that hangs must not hold an answer for ever. */
  callMs: 120_000,
  /** Between the tries of a call that an earlier life of the object had begun: machines dial again within seconds. */
  machineBackMs: [250, 500, 1_000, 2_000, 4_000, 8_000],
  /** How long a call waits for the person's word. */
  approvalMs: 10 * 60_000,
  /** How long one that was decided, or not, can be looked at. */
  approvalsKeptMs: 24 * 60 * 60_000,
  /** Asked for one answer: who is asked more often only clicks. */
  approvalsPerAnswer: 16,
  /** Denied in one answer: a model that still asks then has been turned against its person. */
  denialsPerAnswer: 3,
  /** Calls of one answer that go to the person's own addresses alone, and are not asked about. */
  ownCalls: 8,
  /** Values in the arguments of such a call, and the largest number in them. */
  ownValues: 6,
  ownNumber: 100_000,
  /** Of what the person wrote, the latest is looked at. */
  ownCharacters: 16_000,
  /** Waiting for one person at once. */
  approvalsPerPerson: 64,
} as const;

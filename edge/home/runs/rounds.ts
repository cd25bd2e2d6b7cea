import { z } from "zod";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { generateEventSchema } from "../../../shared/inference/event.ts";
import type { RunLog } from "./run-log.ts";

const roundsPlanSchema = z.object({
  /** Names of tools that the client calls itself: a call of one ends the answer. Every other call is made here. */
  theirs: z.array(z.string()).max(128),
  /** After so many rounds of calls the answer has to come. */
  most: z.number().int().min(1),
});
/** How an answer is made in which tools are called here. */
export type RoundsPlan = z.infer<typeof roundsPlanSchema>;

/** The same with where it has got to. */
export const roundsRecordSchema = roundsPlanSchema.extend({
  round: z.number().int().nonnegative(),
  /** Number of the line with which this round begins. */
  first: z.number().int().nonnegative(),
});

type Usage = Extract<GenerateEvent, { type: "usage" }>;

const decoder = new TextDecoder();

/**
 * The rounds of an answer: what the model says, calls and results, and what it says then. They are one sequence of numbered lines. Each
 * line of a machine is one line here, so that its numbers stay what they are; only the very last may come with the usage of all rounds.
 */
export class Rounds {
  readonly #theirs: ReadonlySet<string>;
  readonly #most: number;
  #round: number;
  #calls = { ours: 0, theirs: 0 };
  #usage: Usage | undefined;
  #isOver = false;

  constructor({ theirs, most, round }: z.infer<typeof roundsRecordSchema>) {
    this.#theirs = new Set(theirs);
    this.#most = most;
    this.#round = round;
  }

  /** Whether this round has ended in calls that are made here. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What all rounds took so far. */
  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** What a line of the machine is here; undefined: the same. */
  take(event: GenerateEvent): GenerateEvent[] | undefined {
    const round = this.#round;
    if (event.type === "tool_call") {
      const { call, tokens } = event;
      if (this.#theirs.has(call.name)) return [{ ...event, index: this.#calls.theirs++ }];
      this.#calls.ours += 1;
      return [{ type: "plugin", plugin: { step: "call", round, call, ...(tokens === undefined ? {} : { tokens }) } }];
    }
    if (event.type === "usage") {
      const { type: _type, countOnly: _countOnly, ...took } = event;
      this.#usage = sum(this.#usage, event);
      return [{ type: "plugin", plugin: { step: "usage", round, ...took } }];
    }
    if (event.type !== "finish") return undefined;
    const { ours, theirs } = this.#calls;
    const isCalling = event.reason === "tool_calls" && theirs === 0;
    if (isCalling && ours > 0 && round < this.#most) {
      this.#isOver = true;
      return [{ type: "plugin", plugin: { step: "round", round } }];
    }
    // There is nothing for the client to call.
    const finish: GenerateEvent = isCalling ? { ...event, reason: "stop" } : event;
    return this.#usage === undefined ? [finish] : [this.#usage, finish];
  }

  begin(round: number): void {
    this.#round = round;
    this.#calls = { ours: 0, theirs: 0 };
    this.#isOver = false;
  }

  /** Takes up what an object before this one wrote down. */
  read(log: RunLog): void {
    if (log.next === 0) return;
    for (const line of decoder.decode(log.slice(log.first)).split("\n")) {
      if (line === "") continue;
      const event = generateEventSchema.parse(JSON.parse(line));
      if (event.type === "tool_call") this.#calls.theirs += 1;
      if (event.type !== "plugin") continue;
      const step = event.plugin;
      if (step.step === "usage") this.#usage = sum(this.#usage, usageOf(step));
      if (step.step === "call" && step.round === this.#round) this.#calls.ours += 1;
      if (step.step === "round" && step.round === this.#round) this.#isOver = true;
    }
  }
}

/** A line of an answer as its machine said it. */
export function saidEvent(event: GenerateEvent): GenerateEvent {
  if (event.type !== "plugin") return event;
  const step = event.plugin;
  if (step.step === "usage") return usageOf(step);
  if (step.step !== "call") return event;
  return {
    type: "tool_call",
    index: 0,
    call: step.call,
    ...(step.tokens === undefined ? {} : { tokens: step.tokens }),
  };
}

function usageOf({
  step: _step,
  round: _round,
  ...took
}: { step: "usage"; round: number } & Omit<Usage, "type">): Usage {
  return { type: "usage", ...took };
}

function sum(before: Usage | undefined, { countOnly: _countOnly, ...usage }: Usage): Usage {
  if (before === undefined) return usage;
  const total: Usage = { ...usage };
  for (const name of ["promptTokens", "completionTokens"] as const) total[name] += before[name];
  for (const name of ["reasoningTokens", "cachedTokens", "promptMs", "completionMs"] as const) {
    const both = (before[name] ?? 0) + (usage[name] ?? 0);
    if (before[name] !== undefined || usage[name] !== undefined) total[name] = both;
  }
  return total;
}

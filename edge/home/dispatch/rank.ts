import type { Capable } from "./candidates.ts";
import { expectedMs, freeSlotMs, loadTimeMs, priorTimes, type Standing, type TokenTimes } from "./expected-time.ts";

/** The usual rule of thumb, for prompts that nobody has counted yet. */
const CHARACTERS_PER_TOKEN = 4;
/** A machine from before it said so itself. */
const DEFAULT_SLOTS = 4;

/** What is known of a machine beside what it says. */
export interface Knowledge {
  /** Characters of this prompt that it has computed before. */
  cachedCharacters: number;
  remainingMs: readonly number[];
  /** Requests of other models, by this edge. */
  others: number;
  /** What to expect of the model there, given what to expect of one that is not known. */
  times: (prior: TokenTimes) => TokenTimes;
}

export interface Ranked extends Capable {
  /** Until the last token, if this machine takes it. */
  expectedMs: number;
  /** Of that, until it has a slot for it. */
  waitMs: number;
  slots: number;
  /** Requests of the model that it is at. */
  load: number;
  /** Other requests beside it, at most as many as slow it down. */
  beside: number;
}

/** Machines by how soon each would be done: the machine that computed the prompt's beginning, as long as the wait there is worth it. */
export function rank(
  capable: readonly Capable[],
  work: { promptCharacters: number; answerTokens: number },
  know: (agentId: string) => Knowledge,
): Ranked[] {
  const promptTokens = Math.ceil(work.promptCharacters / CHARACTERS_PER_TOKEN);
  const ranked = capable.map((one): Ranked => {
    const { agent, model } = one;
    const { cachedCharacters, remainingMs, others, times } = know(agent.id);
    const { speed, slots = DEFAULT_SLOTS, otherRequests = 0 } = agent.status;
    const tried = speed?.model === model.name ? speed.tokensPerSecond : undefined;
    const standing: Standing = {
      times: times(priorTimes(model, tried)),
      loadMs: loadTimeMs(model),
      slots,
      remainingMs,
      others: others + otherRequests,
    };
    // A model that was unloaded has forgotten what it had computed.
    const cachedTokens = model.loaded ? Math.floor(cachedCharacters / CHARACTERS_PER_TOKEN) : 0;
    const total = expectedMs(standing, { promptTokens, cachedTokens, answerTokens: work.answerTokens });
    const waitMs = freeSlotMs(remainingMs, slots);
    return {
      ...one,
      expectedMs: total,
      waitMs,
      slots,
      load: remainingMs.length,
      beside: Math.min(remainingMs.length + standing.others, slots - 1),
    };
  });
  return ranked.toSorted((a, b) => a.expectedMs - b.expectedMs);
}

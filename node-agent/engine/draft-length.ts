/** How well a sequence's drafts did: the chance that a drafted token is right, given that those before it were. */
export interface DraftRecord {
  acceptance: number;
}

/** Before anything is known; also what a sequence drifts back to while it is not drafting, so that it tries again. */
const PRIOR_ACCEPTANCE = 0.6;
const DRIFT = 0.02;
/** Weight of the newest observation. */
const LEARNING_RATE = 0.15;
/** Longest draft. */
const MOST_TOKENS = 12;
/** Drafting has to promise this much more than plain decoding: guesses of cost are noisy. */
const LEAST_GAIN = 1.05;
/** Cost of each further token of a step, relative to the first, until it has been measured. */
const ASSUMED_SLOPE = 0.2;

export function createDraftRecord(): DraftRecord {
  return { acceptance: PRIOR_ACCEPTANCE };
}

/**
 * Chooses how many tokens to draft so that tokens per second are most, from what steps of each size took on this machine and what share
 * of drafts was right (Leviathan et al., arXiv:2211.17192, section 3.5, with measured costs).
 */
export class DraftLength {
  /** Milliseconds of a step over as many tokens as the index says. */
  readonly #stepMs: number[] = [];

  /** A step over `tokens` tokens of one sequence took so long. */
  measured(tokens: number, ms: number): void {
    const known = this.#stepMs[tokens];
    this.#stepMs[tokens] = known === undefined ? ms : known + LEARNING_RATE * (ms - known);
  }

  /** Of `drafted` tokens, the first `accepted` were right. */
  judged(record: DraftRecord, drafted: number, accepted: number): void {
    for (let i = 0; i < Math.min(accepted + 1, drafted); i++) {
      record.acceptance += LEARNING_RATE * ((i < accepted ? 1 : 0) - record.acceptance);
    }
  }

  /** The best length for a draft; 0 where plain decoding is as good. */
  choose(record: DraftRecord): number {
    let best = { length: 0, rate: LEAST_GAIN / this.#cost(1) };
    let expected = 1;
    let chance = 1;
    for (let length = 1; length <= MOST_TOKENS; length++) {
      chance *= record.acceptance;
      expected += chance;
      const rate = expected / this.#cost(length + 1);
      if (rate > best.rate) best = { length, rate };
    }
    if (best.length === 0) record.acceptance += DRIFT * (PRIOR_ACCEPTANCE - record.acceptance);
    return best.length;
  }

  /** Cost of a step over `tokens`, relative to that over one: measured, or on the line through the nearest that were. */
  #cost(tokens: number): number {
    const one = this.#stepMs[1];
    const known = this.#stepMs[tokens];
    if (one === undefined) return 1 + ASSUMED_SLOPE * (tokens - 1);
    if (known !== undefined) return known / one;
    const above = this.#stepMs.findIndex((ms, size) => size > tokens && ms !== undefined);
    const below = this.#stepMs.findLastIndex((ms, size) => size < tokens && ms !== undefined);
    const base = (this.#stepMs[below] ?? one) / one;
    if (above === -1) return base + ASSUMED_SLOPE * (tokens - below);
    const top = (this.#stepMs[above] ?? one) / one;
    return base + ((top - base) * (tokens - below)) / (above - below);
  }
}

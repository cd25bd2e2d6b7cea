/** The most likely tokens of a distribution, most likely first (equal ones by id). */
export interface Candidates {
  ids: readonly number[];
  /** Likelihood of each relative to the most likely token. */
  weights: readonly number[];
  /** Weight of the whole distribution that these are the head of. */
  mass: number;
}

/** Keeps the first few candidates, and says how much of the head it has to see to do so. */
export interface Cut {
  apply(candidates: Candidates): Candidates;
  /** Whether `count` candidates with `weight` together, the last at least `least` likely, include all that it keeps. */
  isEnough(head: { count: number; weight: number; least: number }, mass: number): boolean;
}

/** Keeps the `k` most likely. */
export function topK(k: number): Cut {
  return {
    apply: (candidates) => {
      const kept = first(candidates, k);
      return { ...kept, mass: kept.weights.reduce((total, weight) => total + weight, 0) };
    },
    isEnough: ({ count }) => count >= k,
  };
}

/** Keeps the fewest that together have at least the fraction `p` of the mass (nucleus sampling, arXiv:1904.09751). */
export function topP(p: number): Cut {
  return {
    apply: (candidates) => {
      let weight = 0;
      const last = candidates.weights.findIndex((next) => {
        weight += next;
        return weight >= p * candidates.mass;
      });
      return last === -1 ? candidates : { ...first(candidates, last + 1), mass: weight };
    },
    isEnough: ({ weight }, mass) => weight >= p * mass,
  };
}

/** Keeps those at least `ratio` times as likely as the most likely one (min-p, arXiv:2407.01082). */
export function minP(ratio: number): Cut {
  return {
    apply: (candidates) => {
      const tooSmall = candidates.weights.findIndex((weight) => weight < ratio);
      return tooSmall === -1 ? candidates : first(candidates, tooSmall);
    },
    isEnough: ({ least }) => least <= ratio,
  };
}

function first(candidates: Candidates, count: number): Candidates {
  const { ids, weights, mass } = candidates;
  return { ids: ids.slice(0, count), weights: weights.slice(0, count), mass };
}

/**
 * The head of softmax(logits / temperature), long enough for the first of `cuts`. Takes tokens within a distance of the best
 * logit and widens it until they are enough, so that a vocabulary of 150,000 is scanned but only the head is sorted.
 */
export function headOf(logits: Float32Array, best: number, temperature: number, cut: Cut): Candidates {
  let mass = 0;
  for (const logit of logits) mass += weightOf(logit, best, temperature);
  for (let distance = FIRST_DISTANCE; ; distance *= 2) {
    const floor = best - distance * temperature;
    const ids: number[] = [];
    let weight = 0;
    for (const [id, logit] of logits.entries()) {
      if (logit < floor || Number.isNaN(logit)) continue;
      ids.push(id);
      weight += weightOf(logit, best, temperature);
    }
    const isAll = distance > WIDEST_DISTANCE;
    if (!isAll && !cut.isEnough({ count: ids.length, weight, least: Math.exp(-distance) }, mass)) continue;
    ids.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
    return { ids, weights: ids.map((id) => weightOf(logits[id] ?? 0, best, temperature)), mass };
  }
}

/** In units of the temperature: e^-4 of the best token's likelihood is where most heads of real models end. */
const FIRST_DISTANCE = 4;
/** Below e^-745 a double is 0: what is farther away can never be drawn. */
const WIDEST_DISTANCE = 745;

/** exp((logit - best) / temperature); 0 for what is not a number. */
export function weightOf(logit: number, best: number, temperature: number): number {
  return Number.isNaN(logit) ? 0 : Math.exp((logit - best) / temperature);
}

import { array as listOf, assert, constantFrom, double, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { headOf, minP, topK, topP } from "../../../node-agent/engine/candidates.ts";
import { createRandom, createXoshiro128 } from "../../../node-agent/engine/random.ts";
import { argmax, createSampler } from "../../../node-agent/engine/sampler.ts";
import { NEUTRAL_SAMPLING, resolveSampling, type SamplingParams } from "../../../node-agent/engine/sampling-params.ts";

/** The slow twin: the probabilities of one draw, by sorting everything. */
function probabilities(
  logits: readonly number[],
  params: SamplingParams,
  prompt: number[],
  output: number[],
): number[] {
  const penalized = logits.map((logit, id) => {
    let value = logit;
    if (prompt.includes(id) || output.includes(id)) {
      value = value > 0 ? value / params.repetitionPenalty : value * params.repetitionPenalty;
    }
    const count = output.filter((token) => token === id).length;
    return value - params.frequencyPenalty * count - (count > 0 ? params.presencePenalty : 0);
  });
  const best = Math.max(...penalized);
  let kept = penalized
    .map((logit, id) => ({ id, weight: Math.exp((logit - best) / params.temperature) }))
    .toSorted((a, b) => b.weight - a.weight || a.id - b.id);
  if (params.topK > 0) kept = kept.slice(0, params.topK);
  const mass = kept.reduce((total, { weight }) => total + weight, 0);
  let before = 0;
  kept = kept.filter(({ weight }) => {
    const isKept = before < params.topP * mass;
    before += weight;
    return isKept;
  });
  kept = kept.filter(({ weight }) => weight >= params.minP);
  const total = kept.reduce((sum, { weight }) => sum + weight, 0);
  const result = logits.map(() => 0);
  for (const { id, weight } of kept) result[id] = weight / total;
  return result;
}

/** How often each token is drawn first, over many seeds. */
function frequencies(logits: readonly number[], params: SamplingParams, prompt: number[], draws: number): number[] {
  const counts = logits.map(() => 0);
  for (let seed = 0; seed < draws; seed++) {
    const token = createSampler({ ...params, seed }, prompt).sample(Float32Array.from(logits));
    counts[token] = (counts[token] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

const params = (changes: Partial<SamplingParams>): SamplingParams => ({ ...NEUTRAL_SAMPLING, ...changes });
const LOGITS = [2, -1, 0.5, 3, 2.5, -4, 1, 2.9];

function draw1000(seed?: number): number[] {
  const random = createRandom(seed);
  return Array.from({ length: 1000 }, () => random());
}

function sample50(seed: number): number[] {
  const sampler = createSampler(params({ seed, topP: 0.95 }), []);
  return Array.from({ length: 50 }, () => sampler.sample(Float32Array.from(LOGITS)));
}

describe("createRandom", () => {
  it("is xoshiro128** of the reference implementation", () => {
    const next = createXoshiro128(Uint32Array.of(1, 2, 3, 4));
    const outputs = Array.from({ length: 10 }, () => next());
    expect(outputs).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it("repeats itself for a seed, differs between seeds, and is spread over [0, 1)", () => {
    for (const seed of [0, 1, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      const values = draw1000(seed);
      expect(draw1000(seed)).toEqual(values);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...values)).toBeLessThan(1);
      expect(Math.abs(values.reduce((a, b) => a + b, 0) / 1000 - 0.5)).toBeLessThan(0.05);
    }
    expect(draw1000(1)).not.toEqual(draw1000(2));
    expect(draw1000(1)).not.toEqual(draw1000(-1));
    expect(draw1000()).not.toEqual(draw1000());
  });
});

describe("createSampler", () => {
  it.each([
    ["nothing", {}],
    ["temperature", { temperature: 0.3 }],
    ["a high temperature", { temperature: 2 }],
    ["top-k", { topK: 3 }],
    ["top-p", { topP: 0.7 }],
    ["min-p", { minP: 0.4 }],
    ["repetition penalty", { repetitionPenalty: 1.7 }],
    ["everything", { temperature: 1.3, topK: 6, topP: 0.9, minP: 0.05, repetitionPenalty: 1.2 }],
  ])("draws from the distribution of its slow twin with %s", (_name, changes) => {
    const expected = probabilities(LOGITS, params(changes), [3, 1], []);
    const drawn = frequencies(LOGITS, params(changes), [3, 1], 20_000);
    for (const [id, probability] of expected.entries()) {
      if (probability === 0) expect(drawn[id]).toBe(0);
      // Five standard deviations of a binomial; the seeds are fixed, so it passes or fails for ever.
      const tolerance = 5 * Math.sqrt((probability * (1 - probability)) / 20_000);
      expect(Math.abs((drawn[id] ?? 0) - probability)).toBeLessThanOrEqual(tolerance);
    }
  });

  it("penalizes what was said, each penalty as its twin, when greedy", () => {
    const arbitrary = record({
      logits: listOf(double({ min: -8, max: 8, noNaN: true }).map(Math.fround), { minLength: 4, maxLength: 12 }),
      prompt: listOf(integer({ min: 0, max: 12 }), { maxLength: 5 }),
      repetitionPenalty: constantFrom(1, 1.5, 0.5),
      frequencyPenalty: constantFrom(0, 0.7, -1),
      presencePenalty: constantFrom(0, 1.5, -0.5),
    });
    assert(
      property(arbitrary, ({ logits, prompt, ...penalties }) => {
        const sampler = createSampler(params({ ...penalties, temperature: 0 }), prompt);
        const output: number[] = [];
        for (let step = 0; step < 6; step++) {
          const expected = probabilities(logits, params({ ...penalties, temperature: 1 }), prompt, output);
          const token = sampler.sample(Float32Array.from(logits));
          // Rounding to float32 may swap two that are nearly equal.
          expect(expected[token]).toBeGreaterThanOrEqual(Math.max(...expected) * (1 - 1e-5));
          output.push(token);
        }
      }),
      { seed: 3 },
    );
  });

  it("leaves the logits as they are", () => {
    const logits = Float32Array.from(LOGITS);
    createSampler(params({ repetitionPenalty: 2, frequencyPenalty: 1 }), [0, 3]).sample(logits);
    expect([...logits]).toEqual([...Float32Array.from(LOGITS)]);
  });

  it("repeats itself for a seed", () => {
    expect(sample50(5)).toEqual(sample50(5));
    expect(sample50(5)).not.toEqual(sample50(6));
  });

  it("takes the first of equal logits when greedy, ignores NaN, and refuses a position without a number", () => {
    expect(argmax(Float32Array.of(1, 3, 3))).toBe(1);
    expect(argmax(Float32Array.of(Number.NaN, -5, Number.NaN))).toBe(1);
    for (const logits of [[Number.NaN, Number.NaN], [1, Number.POSITIVE_INFINITY], []]) {
      expect(() => argmax(Float32Array.from(logits))).toThrow(expect.objectContaining({ code: "internal" }));
    }
    const sampler = createSampler(params({ seed: 1 }), []);
    for (let i = 0; i < 100; i++)
      expect(sampler.sample(Float32Array.of(Number.NaN, 1, Number.NEGATIVE_INFINITY))).toBe(1);
  });
});

describe("headOf", () => {
  it("holds all that a cut keeps, for any shape of distribution", () => {
    const arbitrary = record({
      logits: listOf(double({ min: -2000, max: 2000, noNaN: true }).map(Math.fround), { minLength: 1, maxLength: 60 }),
      flat: constantFrom(1, 0.01, 0),
      temperature: constantFrom(0.01, 0.7, 2),
      cut: constantFrom(
        topK(1),
        topK(5),
        topK(100),
        topP(0.1),
        topP(0.9),
        topP(0.999),
        minP(0.001),
        minP(0.5),
        minP(1),
      ),
    });
    assert(
      property(arbitrary, ({ logits, flat, temperature, cut }) => {
        const values = Float32Array.from(logits, (logit) => logit * flat);
        const best = Math.max(...values);
        const ids = [...values.keys()].toSorted((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
        const weights = ids.map((id) => Math.exp(((values[id] ?? 0) - best) / temperature));
        const mass = weights.reduce((total, weight) => total + weight, 0);
        const possible = weights.filter((weight) => weight > 0).length;
        const expected = cut.apply({ ids, weights, mass }).ids.slice(0, possible);
        const kept = cut.apply(headOf(values, best, temperature, cut)).ids;
        expect(kept.slice(0, expected.length)).toEqual(expected);
        expect(kept.slice(0, possible)).toEqual(expected);
      }),
      { numRuns: 500, seed: 11 },
    );
  });
});

describe("resolveSampling", () => {
  it("takes the request, else the model's author, else what changes nothing", () => {
    expect(resolveSampling({}, {})).toEqual(NEUTRAL_SAMPLING);
    expect(resolveSampling({}, { temperature: 0, topK: 20 })).toEqual({
      ...NEUTRAL_SAMPLING,
      temperature: 0,
      topK: 20,
    });
    expect(resolveSampling({ temperature: 1, seed: 3, topK: undefined }, { temperature: 0, topK: 20 })).toEqual({
      ...NEUTRAL_SAMPLING,
      temperature: 1,
      topK: 20,
      seed: 3,
    });
  });
});

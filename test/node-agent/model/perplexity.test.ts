import { describe, expect, test } from "vitest";
import { perplexityOf, type Scorer, tokenLosses, windowedLosses } from "../../../node-agent/model/perplexity.ts";

const VOCABULARY = 5;

/** Logits that tell which tokens were seen before: their sum, and how many. */
function logitsAfter(seen: readonly number[]): Float32Array {
  const sum = seen.reduce((total, token) => total + token, 0);
  return Float32Array.from({ length: VOCABULARY }, (_, token) => Math.sin(sum + token * (seen.length + 1)));
}

/** A decoder whose context remembers, so that tokens put at the wrong place give other losses. */
function rememberingDecoder(): Scorer & { calls: number[] } {
  let held: number[] = [];
  const calls: number[] = [];
  return {
    vocabSize: VOCABULARY,
    calls,
    evaluate: async (_, tokens, past = 0) => {
      calls.push(tokens.length);
      held = [...held.slice(0, past), ...tokens];
      const rows = tokens.map((_token, i) => logitsAfter(held.slice(0, past + i + 1)));
      return Float32Array.from(rows.flatMap((row) => [...row]));
    },
  };
}

function slowLoss(seen: readonly number[], token: number): number {
  const logits = logitsAfter(seen);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return Math.log(sum) - (logits[token] ?? Number.NaN);
}

const text = Array.from({ length: 37 }, (_, i) => (i * i) % VOCABULARY);

describe("losses", () => {
  test("of every token but the first", async () => {
    const found = await tokenLosses(rememberingDecoder(), text);
    expect(found).toHaveLength(text.length - 1);
    for (const [i, loss] of found.entries())
      expect(loss).toBeCloseTo(slowLoss(text.slice(0, i + 1), text[i + 1] ?? 0), 5);
  });

  test.each([
    [10, 5],
    [10, 10],
    [8, 3],
    [37, 18],
    [100, 50],
  ])("in windows of %i, %i apart, each token is counted once, after what its window holds", async (window, stride) => {
    const decoder = rememberingDecoder();
    const found = await windowedLosses(decoder, text, { window, stride });
    expect(found).toHaveLength(text.length - 1 - (stride === window ? Math.ceil((text.length - window) / stride) : 0));
    if (stride === window) return;
    const expected = Array.from({ length: text.length - 1 }, (_, i) => {
      const position = i + 1;
      // The first window that reaches it.
      const index = Math.max(0, Math.ceil((position - window + 1) / stride));
      return slowLoss(text.slice(index * stride, position), text[position] ?? 0);
    });
    for (const [i, loss] of found.entries()) expect(loss).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });

  test("perplexity is the exponential of their mean", () => {
    expect(perplexityOf([Math.log(2), Math.log(8)])).toBeCloseTo(4, 10);
  });
});

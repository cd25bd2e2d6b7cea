import { assert, array as listOf, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { createDraftRecord, DraftLength } from "../../../node-agent/engine/draft-length.ts";
import { createPromptLookup } from "../../../node-agent/engine/prompt-lookup.ts";

/** The slow twin: looks for the latest earlier place that ends in the same 4 tokens, or else in the same 2. */
function search(tokens: readonly number[], most: number): readonly number[] {
  for (const length of [4, 2]) {
    const tail = tokens.slice(-length).join();
    for (let end = tokens.length - 1; end >= length && tokens.length > length; end--) {
      if (tokens.slice(end - length, end).join() === tail) return tokens.slice(end, end + most);
    }
  }
  return [];
}

describe("createPromptLookup", () => {
  it("proposes what followed last time, as a plain search would", () => {
    assert(
      property(listOf(integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 80 }), (tokens) => {
        const drafter = createPromptLookup();
        for (let length = 1; length <= tokens.length; length += 1 + (length % 3)) {
          const soFar = tokens.slice(0, length);
          expect(drafter.propose(soFar, 5)).toEqual(search(soFar, 5));
        }
      }),
    );
  });
});

describe("DraftLength", () => {
  /** A machine on which a step costs `base + slope * tokens` milliseconds. */
  function machine(base: number, slope: number): DraftLength {
    const lengths = new DraftLength();
    for (const tokens of [1, 2, 5, 9, 13]) lengths.measured(tokens, base + slope * tokens);
    return lengths;
  }

  it("drafts long where guesses are right and further tokens are cheap", () => {
    const lengths = machine(10, 0.5);
    const record = createDraftRecord();
    for (let i = 0; i < 30; i++) lengths.judged(record, 8, 8);
    expect(lengths.choose(record)).toBe(12);
  });

  it("does not draft where guesses are wrong, and tries again later", () => {
    const lengths = machine(10, 2);
    const record = createDraftRecord();
    for (let i = 0; i < 30; i++) lengths.judged(record, 4, 0);
    expect(lengths.choose(record)).toBe(0);
    let steps = 0;
    while (lengths.choose(record) === 0 && steps < 1000) steps++;
    expect(steps).toBeGreaterThan(5);
    expect(steps).toBeLessThan(200);
  });

  it("does not draft where a step over two tokens costs as much as two steps", () => {
    const lengths = machine(0, 10);
    const record = createDraftRecord();
    for (let i = 0; i < 30; i++) lengths.judged(record, 8, 8);
    expect(lengths.choose(record)).toBe(0);
  });

  it("knows the best length of a simple machine", () => {
    // With acceptance a and cost c(k) = 1 + 0.1 k, tokens per cost are (1 - a^(k+1)) / (1 - a) / c(k): for a = 0.6, k = 3.
    const lengths = machine(0.9, 0.1);
    expect(lengths.choose(createDraftRecord())).toBe(3);
  });
});

import { describe, expect, it } from "vitest";
import { submitCollecting } from "../../support/engine-collect.ts";
import { alone, createScheduler, spec } from "../../support/engine-toy.ts";
import { createPromptLookup } from "../../../node-agent/engine/prompt-lookup.ts";
import { NEUTRAL_SAMPLING } from "../../../node-agent/engine/sampling-params.ts";
import { Scheduler } from "../../../node-agent/engine/scheduler.ts";
import { ToyDecoder } from "../../support/engine-toy-decoder.ts";

/** Chooses 3, 4, 5, 1, 2, 3, ... whatever the logits. */
function createCycle(): () => number {
  let next = 2;
  return () => (next++ % 5) + 1;
}

describe("a scheduler's guesses", () => {
  it("checks several guesses in one step where the answer repeats itself", async () => {
    const steps: string[] = [];
    // A model that repeats [1, 2, 3, 4, 5] for ever: its logits depend on the last token only.
    const decoder = new ToyDecoder({ contextLength: 400, onCall: ({ kind }) => void steps.push(kind) });
    const scheduler = new Scheduler(decoder);
    const { tokens } = await submitCollecting(scheduler, {
      ...spec([1, 2, 3, 4, 5, 1, 2], 100),
      stopTokens: new Set(),
      sampler: { sample: createCycle() },
      drafter: createPromptLookup(),
    }).done;
    expect(tokens).toEqual(Array.from({ length: 100 }, (_, i) => ((i + 2) % 5) + 1));
    const { draftedTokens, acceptedTokens } = scheduler.stats();
    expect(acceptedTokens).toBe(draftedTokens);
    expect(steps.length).toBeLessThan(60);
    expect(steps).toContain("verify");
  });

  it("samples the same tokens with guesses as without, right or wrong: the distribution is the model's", async () => {
    const params = { ...NEUTRAL_SAMPLING, temperature: 1.5, topP: 0.95 };
    for (let seed = 0; seed < 40; seed++) {
      const expected = alone([1, 2], { ...params, seed }, 40).output;
      // Guesses what will come, but for every third token.
      const drafter = {
        propose: (tokens: readonly number[], most: number) =>
          expected
            .slice(tokens.length - 2, tokens.length - 2 + most)
            .map((token, i) => (i % 3 === 2 ? 31 - token : token)),
      };
      const { scheduler } = createScheduler({}, { draftTokens: 5 });
      const { tokens } = await submitCollecting(scheduler, { ...spec([1, 2], 40, { ...params, seed }), drafter }).done;
      expect(tokens).toEqual(expected);
      if (expected.length > 20) expect(scheduler.stats().acceptedTokens).toBeGreaterThan(expected.length / 2);
    }
  });
});

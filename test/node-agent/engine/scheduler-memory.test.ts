import { describe, expect, it } from "vitest";
import { submitCollecting } from "../../support/engine-collect.ts";
import { alone, createScheduler, GREEDY, spec } from "../../support/engine-toy.ts";
import { BYTES_PER_POSITION } from "../../support/engine-toy-decoder.ts";

describe("a scheduler's memory", () => {
  it("computes only what is new when a prompt begins like an earlier conversation", async () => {
    const { scheduler } = createScheduler();
    const first = await submitCollecting(scheduler, spec([1, 2, 3, 4], 6)).done;
    const prompt = [1, 2, 3, 4, ...first.tokens.slice(0, 3), 9, 9];
    const second = await submitCollecting(scheduler, spec(prompt, 6)).done;
    expect(second.end?.cachedTokens).toBe(7);
    expect(second.tokens).toEqual(alone(prompt, GREEDY, 6).output);
    const same = await submitCollecting(scheduler, spec(prompt, 6)).done;
    expect(same.end?.cachedTokens).toBe(prompt.length - 1);
    expect(same.tokens).toEqual(second.tokens);
  });

  it("knows what is in a slot that its sequence moved out of", async () => {
    const { scheduler } = createScheduler({ slots: 2 });
    const first = submitCollecting(scheduler, { ...spec([1]), stopTokens: new Set() });
    const second = submitCollecting(scheduler, { ...spec([2, 3, 4, 5, 6]), stopTokens: new Set() });
    while (second.tokens.length < 3) await new Promise(setImmediate);
    first.cancel();
    const third = await submitCollecting(scheduler, spec([2, 3, 4, 9], 5)).done;
    expect(third.end?.cachedTokens).toBe(3);
    expect(third.tokens).toEqual(alone([2, 3, 4, 9], GREEDY, 5).output);
    second.cancel();
  });

  it("computes a prefix that many share once, even when they come together", async () => {
    const { scheduler } = createScheduler({ contextLength: 200 }, { prefillTokens: 16 });
    const system = Array.from({ length: 80 }, (_, i) => (i % 5) + 1);
    const prompts = [7, 8, 9, 10].map((token) => [...system, token]);
    const ends = await Promise.all(prompts.map((prompt) => submitCollecting(scheduler, spec(prompt, 6)).done));
    for (const [i, prompt] of prompts.entries()) expect(ends[i]?.tokens).toEqual(alone(prompt, GREEDY, 6).output);
    expect(scheduler.stats()).toMatchObject({ prefillTokens: 81 + 3, cachedTokens: 3 * 80 });
  });

  it("keeps a conversation's prefix when other sequences took its slot", async () => {
    const { scheduler } = createScheduler({ slots: 1 });
    const first = await submitCollecting(scheduler, spec([1, 2, 3, 4], 6)).done;
    await submitCollecting(scheduler, spec([9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], 6)).done;
    const prompt = [1, 2, 3, 4, ...first.tokens, 8];
    const second = await submitCollecting(scheduler, spec(prompt, 6)).done;
    expect(second.end?.cachedTokens).toBeGreaterThanOrEqual(prompt.length - 2);
    expect(second.tokens).toEqual(alone(prompt, GREEDY, 6).output);
  });

  it("stays within its memory: the last to come gives way and is computed again", async () => {
    const kvBytes = 150 * BYTES_PER_POSITION;
    let most = 0;
    const { scheduler } = createScheduler(
      { contextLength: 140, onCall: () => void (most = Math.max(most, used())) },
      { kvBytes },
    );
    const used = (): number => scheduler.stats().slotBytes + scheduler.stats().prefixBytes;
    const jobs = [1, 2, 3].map((token) => ({ ...spec([token], 100), stopTokens: new Set<number>() }));
    const results = await Promise.all(jobs.map((job) => submitCollecting(scheduler, job).done));
    for (const [i, { tokens, error }] of results.entries()) {
      expect(error).toBeNull();
      expect(tokens).toEqual(alone([i + 1], GREEDY, 100, new Set()).output);
    }
    expect(scheduler.stats().preemptions).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(kvBytes);
    expect(most).toBeGreaterThan(kvBytes / 2);
  });

  it("gives memory back when asked", async () => {
    const { scheduler } = createScheduler();
    await submitCollecting(scheduler, spec([1, 2, 3, 4], 20)).done;
    expect(scheduler.stats().slotBytes + scheduler.stats().prefixBytes).toBeGreaterThan(0);
    await new Promise(setImmediate);
    scheduler.reclaim();
    expect(scheduler.stats()).toMatchObject({ slotBytes: 0, prefixBytes: 0 });
    expect((await submitCollecting(scheduler, spec([1, 2, 3, 4], 20)).done).end?.cachedTokens).toBe(0);
  });
});

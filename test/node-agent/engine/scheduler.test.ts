import { assert, asyncProperty, boolean, constantFrom, integer, array as listOf, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { createPromptLookup } from "../../../node-agent/engine/prompt-lookup.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { submitCollecting } from "../../support/engine-collect.ts";
import { BYTES_PER_POSITION } from "../../support/engine-toy-decoder.ts";

import { alone, createScheduler, GREEDY, spec } from "../../support/engine-toy.ts";

describe("Scheduler", () => {
  it("gives every sequence what it would get alone, whatever joins, leaves and is cancelled meanwhile", async () => {
    const job = record({
      prompt: listOf(integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 20 }),
      maxTokens: integer({ min: 1, max: 30 }),
      seed: integer({ min: -5, max: 5 }),
      temperature: constantFrom(0, 1),
      startAfter: integer({ min: 0, max: 25 }),
      cancelAfter: constantFrom(null, null, null, 0, 1, 5),
      caller: constantFrom("a", "b"),
      priority: constantFrom("low" as const, "high" as const),
      isDrafting: boolean(),
    });
    await assert(
      asyncProperty(
        listOf(job, { minLength: 1, maxLength: 9 }),
        record({
          slots: integer({ min: 1, max: 4 }),
          isSlow: boolean(),
          hasKv: boolean(),
          // From less than one sequence needs to more than all do.
          kvPositions: constantFrom(30, 60, 100, 1000),
          reclaimEvery: constantFrom(0, 0, 7),
        }),
        async (jobs, { slots, isSlow, hasKv, kvPositions, reclaimEvery }) => {
          let calls = 0;
          const onCall = async (): Promise<void> => {
            calls++;
            if (reclaimEvery > 0 && calls % reclaimEvery === 0) scheduler.reclaim();
            // With a turn of the event loop inside of a step, requests and cancellations arrive there too.
            if (isSlow) await new Promise(setImmediate);
          };
          const { scheduler } = createScheduler(
            { slots, hasKv, onCall },
            { prefillTokens: 4, kvBytes: kvPositions * BYTES_PER_POSITION },
          );
          const results = jobs.map(async (options) => {
            const { startAfter, cancelAfter, prompt, maxTokens, caller, priority, isDrafting, ...sampling } = options;
            for (let turn = 0; turn < startAfter; turn++) await new Promise(setImmediate);
            const params = { ...GREEDY, ...sampling };
            const expected = alone(prompt, params, maxTokens);
            const drafter = isDrafting ? createPromptLookup() : undefined;
            const sequence = submitCollecting(scheduler, {
              ...spec(prompt, maxTokens, params),
              drafter,
              caller,
              priority,
            });
            if (cancelAfter !== null) {
              for (let turn = 0; turn < cancelAfter; turn++) await new Promise(setImmediate);
              sequence.cancel();
              const seen = sequence.tokens.length;
              for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
              expect(sequence.tokens).toHaveLength(seen);
              expect(expected.output.slice(0, seen)).toEqual(sequence.tokens);
              return;
            }
            const { tokens, end, error } = await sequence.done;
            expect(error).toBeNull();
            expect(tokens).toEqual(expected.output);
            expect(end).toMatchObject({ reason: expected.reason, completionTokens: expected.completionTokens });
          });
          await Promise.all(results);
          await new Promise(setImmediate);
          const { slotBytes, prefixBytes } = scheduler.stats();
          if (hasKv) expect(slotBytes + prefixBytes).toBeLessThanOrEqual(kvPositions * BYTES_PER_POSITION);
          expect(scheduler.stats()).toMatchObject({ running: 0, waiting: 0 });
          scheduler.checkIntegrity();
        },
      ),
      { numRuns: 300, seed: 7 },
    );
  });

  it("runs four requests in shared steps", async () => {
    const { scheduler } = createScheduler({ vocabSize: 64 });
    const prompts = [[1], [2, 3], [4, 5, 6], [7]];
    await Promise.all(
      prompts.map((prompt) => submitCollecting(scheduler, { ...spec(prompt, 40), stopTokens: new Set() }).done),
    );
    const stats = scheduler.stats();
    expect(stats.decodeTokens).toBe(4 * 39);
    expect(stats.largestBatch).toBe(4);
    expect(stats.decodeSteps).toBeLessThanOrEqual(39 + 4);
  });

  it("keeps decoding between the chunks of a long prompt", async () => {
    const calls: string[] = [];
    const { scheduler } = createScheduler(
      { contextLength: 200, onCall: ({ kind }) => void calls.push(kind) },
      { prefillTokens: 10 },
    );
    const first = submitCollecting(scheduler, { ...spec([1], 100), stopTokens: new Set() });
    while (first.tokens.length < 3) await new Promise(setImmediate);
    calls.length = 0;
    const second = submitCollecting(scheduler, { ...spec(Array(50).fill(2), 1), stopTokens: new Set() });
    await second.done;
    expect(second.prefills).toEqual([0, 10, 20, 30, 40]);
    expect(calls.filter((kind) => kind === "prefill")).toHaveLength(5);
    expect(calls.join(" ")).not.toContain("prefill prefill");
    first.cancel();
  });

  it("serves in the order of arrival", async () => {
    const { scheduler } = createScheduler({ slots: 1 });
    const finished: number[] = [];
    await Promise.all(
      [0, 1, 2, 3].map(async (i) => {
        await submitCollecting(scheduler, spec([i + 1], 5)).done;
        finished.push(i);
      }),
    );
    expect(finished).toEqual([0, 1, 2, 3]);
  });

  it("frees a cancelled slot before the next step", async () => {
    const batches: number[] = [];
    const { scheduler } = createScheduler({
      onCall: ({ kind, slots }) => void (kind === "decode" && batches.push(slots.length)),
    });
    const kept = submitCollecting(scheduler, { ...spec([1], 60), stopTokens: new Set() });
    const dropped = submitCollecting(scheduler, { ...spec([2], 60), stopTokens: new Set() });
    while (batches.at(-1) !== 2) await new Promise(setImmediate);
    batches.length = 0;
    dropped.cancel();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(scheduler.stats().running).toBe(1);
    expect(new Set(batches)).toEqual(new Set([1]));
    kept.cancel();
  });

  it("lets a caller with one request in before the rest of another's hundred", async () => {
    const { scheduler } = createScheduler({ slots: 1 });
    const finished: string[] = [];
    const run = async (caller: string, i: number): Promise<void> => {
      await submitCollecting(scheduler, { ...spec([i + 1, 3], 8), stopTokens: new Set(), caller }).done;
      finished.push(caller);
    };
    await Promise.all([...Array.from({ length: 10 }, (_, i) => run("many", i)), run("one", 20)]);
    expect(finished.indexOf("one")).toBeLessThanOrEqual(1);
  });

  it("serves a low priority too while high ones keep coming", async () => {
    const { scheduler } = createScheduler({ slots: 1 });
    const finished: string[] = [];
    const run = async (priority: "low" | "high"): Promise<void> => {
      await submitCollecting(scheduler, { ...spec([1, 3], 8), stopTokens: new Set(), priority }).done;
      finished.push(priority);
    };
    await Promise.all([
      ...Array.from({ length: 3 }, () => run("low")),
      ...Array.from({ length: 40 }, () => run("high")),
    ]);
    const places = finished.flatMap((priority, i) => (priority === "low" ? [i] : []));
    expect(places[1]).toBeGreaterThan(10);
    expect(places[2]).toBeLessThan(40);
  });

  it("ends at the context with reason length", async () => {
    const { scheduler } = createScheduler({ contextLength: 10 });
    const { end, tokens } = await submitCollecting(scheduler, { ...spec([1, 2, 3, 4]), stopTokens: new Set() }).done;
    expect(end).toEqual({ reason: "length", completionTokens: 6, cachedTokens: 0 });
    expect(tokens).toHaveLength(6);
  });

  it("refuses a prompt that leaves no room, with the numbers", () => {
    const { scheduler } = createScheduler({ contextLength: 10 });
    const submit = () => submitCollecting(scheduler, spec(Array(10).fill(1)));
    expect(submit).toThrow(/10 tokens long.*takes 10 tokens.*Shorten/u);
    expect(submit).toThrow(expect.objectContaining({ code: "context_length_exceeded", param: "messages" }));
    expect(() => submitCollecting(scheduler, spec([]))).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });

  it("refuses work beyond its queue and says when to come back", async () => {
    const { scheduler } = createScheduler({ slots: 1 }, { maxWaiting: 2 });
    const accepted = [submitCollecting(scheduler, spec([1], 3)), submitCollecting(scheduler, spec([1], 3))];
    expect(() => submitCollecting(scheduler, spec([1], 3))).toThrow(
      expect.objectContaining({ code: "overloaded", retryAfterMs: 2000 }),
    );
    await Promise.all(accepted.map((sequence) => sequence.done));
    await submitCollecting(scheduler, spec([1], 3)).done;
  });

  it.each(["prefill", "decode"] as const)("ends what a failing %s step ran, and goes on", async (failing) => {
    let shouldFail = false;
    const { scheduler } = createScheduler({
      onCall: ({ kind }) => {
        if (shouldFail && kind === failing) throw new Error("the device is gone");
      },
    });
    const before = submitCollecting(scheduler, { ...spec([1], 50), stopTokens: new Set() });
    while (before.tokens.length < 3) await new Promise(setImmediate);
    shouldFail = true;
    const during = failing === "prefill" ? submitCollecting(scheduler, spec([2], 5)) : before;
    expect((await during.done).error).toMatchObject({ code: "internal" });
    shouldFail = false;
    if (failing === "prefill") expect((await before.done).tokens).toHaveLength(50);
    const after = await submitCollecting(scheduler, spec([1, 2, 3], 20)).done;
    expect(after.tokens).toEqual(alone([1, 2, 3], GREEDY, 20).output);
  });

  it("ends only the sequence whose owner throws", async () => {
    const { scheduler } = createScheduler();
    const good = submitCollecting(scheduler, { ...spec([1], 20), stopTokens: new Set() });
    const bad = submitCollecting(scheduler, { ...spec([2], 20), stopTokens: new Set() }, (_token, { tokens }) => {
      if (tokens.length === 3) throw new PorchlightError("invalid_request");
      return false;
    });
    expect((await bad.done).error).toMatchObject({ code: "invalid_request" });
    expect((await good.done).tokens).toHaveLength(20);
  });

  it("ends a sequence when its owner has enough", async () => {
    const { scheduler } = createScheduler();
    const { end } = await submitCollecting(
      scheduler,
      { ...spec([1], 20), stopTokens: new Set() },
      (_token, { tokens }) => tokens.length === 3,
    ).done;
    expect(end).toMatchObject({ reason: "stop", completionTokens: 3 });
  });

  it("stops with an error for everyone", async () => {
    const { scheduler } = createScheduler({ slots: 1 });
    const sequences = [1, 2].map((token) => submitCollecting(scheduler, { ...spec([token]), stopTokens: new Set() }));
    while (scheduler.stats().running === 0) await new Promise(setImmediate);
    await scheduler.stop(new PorchlightError("engine_crashed"));
    for (const { error } of sequences) expect(error).toMatchObject({ code: "engine_crashed" });
    expect(scheduler.stats()).toMatchObject({ running: 0, waiting: 0 });
  });

  it("tells a sequence that has just finished nothing more when stopped", async () => {
    const { scheduler } = createScheduler();
    const { promise, resolve } = Promise.withResolvers<void>();
    const sequence = submitCollecting(scheduler, spec([1], 1), () => {
      queueMicrotask(() => resolve(scheduler.stop(new PorchlightError("engine_crashed"))));
      return false;
    });
    await promise;
    expect(sequence.end).toMatchObject({ completionTokens: 1 });
    expect(sequence.error).toBeNull();
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Decoder } from "../../../node-agent/engine/decoder.ts";
import { createPromptLookup } from "../../../node-agent/engine/prompt-lookup.ts";
import { Scheduler } from "../../../node-agent/engine/scheduler.ts";
import { loadDecoder } from "../../../node-agent/model/load.ts";
import { type Job, runJobs } from "../../support/engine-schedule.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { type SlowWeights, slowModel } from "../../support/model-slow.ts";
import { argmax } from "../../support/model-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { TINY_CONFIG, writeTinyModel } from "../../support/model-tiny.ts";

const [TRAINED, ...LONGER] = [20, 40, 70];
const STAGES = [TRAINED, ...LONGER];
/** A base at which the stages differ much. */
const model = {
  config: {
    ...TINY_CONFIG,
    rope_theta: 100,
    max_position_embeddings: TRAINED,
    rope_scaling: { rope_type: "dynamic", factor: 3.5 },
  },
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let weights: SlowWeights;
let decoder: Decoder;

beforeAll(async () => {
  folder = await temporaryFolder();
  weights = await writeTinyModel(folder.path, model);
  decoder = await loadDecoder({
    folder: folder.path,
    quantization: "fp32",
    cacheDir: folder.path,
    slots: 3,
    threads: 1,
    heedsStages: true,
  });
});
afterAll(async () => {
  await decoder.dispose();
  await folder[Symbol.asyncDispose]();
});

/**
 * What the slow twin would have chosen after the prompt and after each token of the answer but the last: each from all tokens before it,
 * computed anew in the rotation of the stage that so many are in.
 */
function slowChoices(prompt: readonly number[], answer: readonly number[], config = model.config): number[] {
  const tokens = [...prompt, ...answer.slice(0, -1)];
  const choices: number[] = [];
  for (const [i, end] of STAGES.entries()) {
    const before = Math.max(prompt.length - 1, STAGES[i - 1] ?? 0);
    const seen = tokens.slice(0, end);
    if (seen.length <= before) continue;
    const rows = slowModel(config, weights, seen).slice(before);
    choices.push(...rows.map((row) => argmax(Float32Array.from(row))));
  }
  return choices;
}

const job = (prompt: readonly number[], maxTokens: number, startAfter = 0): Job => ({
  prompt,
  maxTokens,
  startAfter,
  cancelAfter: null,
});
const text = (length: number, seed: number): number[] => {
  const random = seededRandom(seed);
  return Array.from({ length }, () => Math.floor(random() * TINY_CONFIG.vocab_size));
};

describe("a sequence that outgrows the trained length, by dynamic scaling", () => {
  it("has the tokens of the slow twin in every stage", async () => {
    expect(decoder).toMatchObject({ contextLength: 70, stages: STAGES });
    const scheduler = new Scheduler(decoder);
    const prompt = text(5, 1);
    const [answer] = await runJobs(scheduler, [job(prompt, 65)]);
    const tokens = answer?.tokens ?? [];
    expect(tokens).toHaveLength(65);
    expect(tokens).toEqual(slowChoices(prompt, tokens));
    expect(scheduler.stats()).toMatchObject({ outgrown: 2, preemptions: 0 });
    // Without scaling they would be others from the second stage on, but not before: the test can tell.
    const unscaled = slowChoices(prompt, tokens, {
      ...model.config,
      rope_scaling: { rope_type: "default", factor: 1 },
    });
    expect(unscaled.slice(0, TRAINED - 4)).toEqual(tokens.slice(0, TRAINED - 4));
    expect(unscaled).not.toEqual(tokens);
  });

  it("has them beside others in other stages, in chunks, guessed ahead, and with prefixes of others", async () => {
    const shared = text(18, 2);
    const jobs = [
      job(shared, 40),
      job([...shared, ...text(30, 3)], 12, 10),
      job([...shared, 7, 7, 7, 7, 7, 7], 20, 20),
      job(shared.slice(0, 9), 30, 30),
      job([...shared, ...text(20, 3)], 10, 40),
      job(shared, 45, 150),
    ];
    const kvBytes = 260 * (decoder.kv?.bytesPerPosition ?? 0);
    const scheduler = new Scheduler(decoder, { prefillTokens: 7, draftTokens: 4, kvBytes });
    const results = await runJobs(scheduler, jobs, createPromptLookup);
    for (const { job: done, tokens } of results) {
      expect(tokens).toHaveLength(done.maxTokens);
      expect(tokens).toEqual(slowChoices(done.prompt, tokens));
    }
    const { outgrown, largestBatch, cachedTokens } = scheduler.stats();
    expect(outgrown).toBeGreaterThanOrEqual(5);
    expect(largestBatch).toBeGreaterThan(1);
    expect(cachedTokens).toBeGreaterThan(0);
    scheduler.checkIntegrity();
  });
});

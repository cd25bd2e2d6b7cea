import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Decoder } from "../../../node-agent/engine/decoder.ts";
import { createDraftModel } from "../../../node-agent/engine/draft-model.ts";
import { Scheduler } from "../../../node-agent/engine/scheduler.ts";
import { loadDecoder } from "../../../node-agent/model/load.ts";
import { answerAlone, brokenOff, largestMargin, randomJobs, runJobs } from "../../support/engine-schedule.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { STARTER } from "../../support/engine-starter.ts";
import { readEvaluation } from "../../support/model-starter.ts";

/**
 * Logits this close may change places: a batch, a chunk and a guess round their activations together where one request rounds its
 * own. int8 has one scale for all rows of a product; int4 only in its 8-bit output layer.
 */
const TOLERANCE = { int8: 1, int4: 0.1 };

let cacheDir: string;
let documents: number[][];

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "porchlight-equivalence-"));
  documents = (await readEvaluation()).documents.map(({ ids }) => ids);
});

afterAll(() => rm(cacheDir, { recursive: true }));

async function withDecoders(
  quantization: "fp32" | "int8" | "int4",
  use: (busy: Decoder, twin: Decoder) => Promise<void>,
): Promise<void> {
  const load = (slots: number) => loadDecoder({ folder: STARTER, quantization, cacheDir, slots, threads: 1 });
  const [busy, twin] = [await load(4), await load(1)];
  try {
    await use(busy, twin);
  } finally {
    await busy.dispose();
    await twin.dispose();
  }
}

/** A budget of two thousand positions, so that sequences push each other out now and then. */
function createScheduler(decoder: Decoder): Scheduler {
  const kvBytes = 2000 * (decoder.kv?.bytesPerPosition ?? 0);
  return new Scheduler(decoder, { prefillTokens: 64, draftTokens: 6, kvBytes });
}

/** A crowd, those of it that broke off, and then, since guesses are only made for one that is alone, a few one after the other. */
async function runAll(scheduler: Scheduler, count: number, seed: number) {
  const random = seededRandom(seed);
  const results = await runJobs(scheduler, randomJobs(documents, count, random));
  results.push(...(await runJobs(scheduler, brokenOff(results))));
  for (const job of randomJobs(documents, count / 4, random)) results.push(...(await runJobs(scheduler, [job])));
  return results;
}

describe("batched, chunked, reused and guessed decoding", () => {
  it("gives the tokens of one plain request alone, exactly, with float weights", async () => {
    await withDecoders("fp32", async (busy, twin) => {
      const scheduler = createScheduler(busy);
      const results = await runAll(scheduler, 24, 1);
      expect(results.filter(({ job }) => job.begun !== undefined).length).toBeGreaterThan(1);
      for (const { job, tokens } of results) {
        expect(tokens).toEqual(await answerAlone(twin, job.prompt, tokens.length));
      }
      const { largestBatch, cachedTokens, draftedTokens, acceptedTokens, prefillSteps } = scheduler.stats();
      expect(largestBatch).toBe(4);
      expect(cachedTokens).toBeGreaterThan(100);
      expect(acceptedTokens).toBeGreaterThan(0);
      expect(draftedTokens).toBeGreaterThan(acceptedTokens);
      expect(prefillSteps).toBeGreaterThan(30);
      scheduler.checkIntegrity();
    });
  });

  it("gives the same tokens with a draft model, which several sequences share", async () => {
    const options = { folder: STARTER, cacheDir, threads: 1 };
    const draft = await loadDecoder({ ...options, quantization: "int4", slots: 1 });
    const drafter = createDraftModel(draft);
    await withDecoders("fp32", async (busy, twin) => {
      const scheduler = createScheduler(busy);
      for (const job of randomJobs(documents, 8, seededRandom(3))) {
        const [result] = await runJobs(scheduler, [job], () => drafter);
        expect(result?.tokens).toEqual(await answerAlone(twin, job.prompt, result?.tokens.length ?? 0));
      }
      const { draftedTokens, acceptedTokens } = scheduler.stats();
      expect(acceptedTokens).toBeGreaterThan(draftedTokens / 4);
      scheduler.checkIntegrity();
    });
    await draft.dispose();
  });

  it.each(["int8", "int4"] as const)(
    "differs with %s weights only where two logits are as good as equal",
    async (quantization) => {
      await withDecoders(quantization, async (busy, twin) => {
        const scheduler = createScheduler(busy);
        for (const { job, tokens } of await runAll(scheduler, 12, 2)) {
          expect(await largestMargin(twin, job.prompt, tokens)).toBeLessThan(TOLERANCE[quantization]);
        }
        expect(scheduler.stats().acceptedTokens).toBeGreaterThan(0);
        scheduler.checkIntegrity();
      });
    },
  );
});

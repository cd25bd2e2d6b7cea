import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Decoder } from "../../node-agent/engine/decoder.ts";
import { endChild } from "../../node-agent/end-process.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { type Job, jobSchema, type Measured, SLOTS } from "./decode-job.ts";
import { quantile } from "./statistics.ts";

/** Measures one model in a process of its own, so that its memory can be told from anything else's. */

const [message] = await once(process, "message");
process.send?.(await measure(jobSchema.parse(message)), undefined, {}, endChild);

async function measure(job: Job): Promise<Measured> {
  const start = performance.now();
  const decoder = await loadDecoder({ ...job, slots: SLOTS });
  const loadMs = performance.now() - start;
  const speeds = job.loadOnly ? {} : await measureSpeeds(decoder, job);
  const memory = await readMemory();
  await decoder.dispose();
  // maxRSS is in KiB.
  return { loadMs, ...speeds, ...memory, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

async function measureSpeeds(decoder: Decoder, { promptTokens, steps }: Job) {
  const prompt = Array.from({ length: promptTokens }, (_, i) => (i * 7919) % decoder.vocabSize);
  const prefills: number[] = [];
  for (let slot = 0; slot < SLOTS; slot++) prefills.push(await time(() => decoder.prefill(slot, prompt, 0)));
  const batch1 = await decodeTimes(decoder, 1, promptTokens, steps);
  const batch4 = await decodeTimes(decoder, SLOTS, promptTokens, steps);
  return {
    prefillTokensPerSecond: (promptTokens / Math.min(...prefills)) * 1000,
    batch1Ms: quantile(batch1, 0.5),
    batch1BestMs: Math.min(...batch1),
    batch4Ms: quantile(batch4, 0.5),
    batch4BestMs: Math.min(...batch4),
  };
}

async function decodeTimes(decoder: Decoder, batch: number, past: number, steps: number): Promise<number[]> {
  const times: number[] = [];
  for (let step = 0; step < steps; step++) {
    const tokens = Array.from({ length: batch }, (_, i) => (step * 31 + i * 17) % decoder.vocabSize);
    const pasts = tokens.map(() => past + step);
    times.push(await time(() => decoder.decode(tokens, pasts)));
  }
  return times;
}

async function time(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Anonymous and file-backed resident memory, from the kernel's own sums. */
async function readMemory(): Promise<{ privateBytes?: number; fileBytes?: number }> {
  if (process.platform !== "linux") return {};
  const text = await readFile("/proc/self/smaps_rollup", "utf8");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
  const privateBytes = kib("Anonymous") * 1024;
  return { privateBytes, fileBytes: kib("Rss") * 1024 - privateBytes };
}

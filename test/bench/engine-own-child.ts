import type { Decoder } from "../../node-agent/engine/decoder.ts";
import { createPromptLookup } from "../../node-agent/engine/prompt-lookup.ts";
import { createSampler, type Sampler } from "../../node-agent/engine/sampler.ts";
import { NEUTRAL_SAMPLING } from "../../node-agent/engine/sampling-params.ts";
import { Scheduler } from "../../node-agent/engine/scheduler.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { submitCollecting } from "../support/engine-collect.ts";
import { CONTEXT, readMemory, type Result, SLOTS, serve, type Task, timed } from "./engine-job.ts";

/** Our engine in a process of its own: decoder, scheduler and sampler, as a model's process runs them. */
let decoder: Decoder | undefined;
let scheduler: Scheduler | undefined;

serve(async (task: Task): Promise<Result> => {
  const started = performance.now();
  if (task.kind === "memory") return { ms: 0, ...(await readMemory()) };
  if (task.kind === "answer") {
    const sampler = () => createSampler({ ...NEUTRAL_SAMPLING, temperature: 0 }, []);
    const answers = task.prompts.map((prompt) => answer(prompt, task.tokens, sampler()));
    return timed(started, await Promise.all(answers));
  }
  if (task.kind === "edit") {
    const edited = task.prompt.map((token, i) => (i % 40 === 39 ? (token + 1) % loaded().decoder.vocabSize : token));
    let next = 0;
    const copy = { ...createSampler(NEUTRAL_SAMPLING, []), sample: () => edited[next++] ?? 0 };
    return timed(started, [await answer(task.prompt, edited.length, copy, task.drafts)]);
  }
  const { model: folder, quantization, cacheDir, threads } = task;
  decoder = await loadDecoder({ folder, quantization, cacheDir, threads, slots: SLOTS, contextLength: CONTEXT });
  scheduler = new Scheduler(decoder);
  return { ms: performance.now() - started };
});

function loaded(): { decoder: Decoder; scheduler: Scheduler } {
  if (decoder === undefined || scheduler === undefined) throw new Error("Nothing is loaded.");
  return { decoder, scheduler };
}

/** @param isDrafting whether tokens are guessed; random weights would not repeat themselves, so plain answers are timed without */
async function answer(prompt: readonly number[], maxTokens: number, sampler: Sampler, isDrafting = false) {
  const times: number[] = [];
  const drafter = isDrafting ? createPromptLookup() : undefined;
  const spec = { prompt, maxTokens, stopTokens: new Set<number>(), sampler, drafter };
  const { tokens, error } = await submitCollecting(loaded().scheduler, spec, () => {
    times.push(performance.now());
    return false;
  }).done;
  if (error !== null) throw error;
  return { tokens, times };
}

import { z } from "zod";
import type { Decoder } from "../../node-agent/engine/decoder.ts";
import { perplexityOf, tokenLosses } from "../../node-agent/model/perplexity.ts";
import { readStarterJson } from "./engine-starter.ts";

const referenceSchema = z.object({
  references: z.array(
    z.object({
      name: z.string(),
      prompt_ids: z.array(z.number()),
      greedy_ids: z.array(z.number()),
      last_logits: z.object({
        first8: z.array(z.number()),
        top5: z.array(z.tuple([z.number(), z.number()])),
        argmax: z.number(),
        max: z.number(),
        mean: z.number(),
      }),
    }),
  ),
});

/** Logits and greedy tokens of the starter, computed by PyTorch in float32. */
export async function readReferenceLogits() {
  return referenceSchema.parse(await readStarterJson("reference.json")).references;
}

const evaluationSchema = z.object({
  float32: z.object({
    predicted_all: z.number(),
    predicted_assistant: z.number(),
    ppl_all: z.number(),
    ppl_assistant: z.number(),
  }),
  documents: z.array(z.object({ ids: z.array(z.number()), mask: z.array(z.number()) })),
});

/** The held-out documents, and the perplexities that PyTorch gives them in float32. */
export async function readEvaluation() {
  return evaluationSchema.parse(await readStarterJson("eval_tokens.json"));
}

/** Perplexity over documents scored alone: of all tokens but each first, and of those that the mask marks. */
export async function perplexity(decoder: Decoder, documents: z.infer<typeof evaluationSchema>["documents"]) {
  const all: number[] = [];
  const assistant: number[] = [];
  for (const { ids, mask } of documents) {
    for (const [i, loss] of (await tokenLosses(decoder, ids)).entries()) {
      all.push(loss);
      if (mask[i + 1] === 1) assistant.push(loss);
    }
  }
  return {
    all: perplexityOf(all),
    allCount: all.length,
    assistant: perplexityOf(assistant),
    assistantCount: assistant.length,
  };
}

export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

/** The largest difference between two rows of logits. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`Lengths differ: ${a.length} and ${b.length}.`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? 0) - (b[i] ?? 0));
    // NaN must not pass for equal.
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** Greedy tokens after a prompt, on slot 0. */
export async function greedy(decoder: Decoder, prompt: readonly number[], count: number): Promise<number[]> {
  const tokens = [argmax(await decoder.prefill(0, prompt, 0))];
  while (tokens.length < count) {
    const logits = await decoder.decode([tokens.at(-1) ?? 0], [prompt.length + tokens.length - 1]);
    tokens.push(argmax(logits));
  }
  return tokens;
}

import type { Decoder } from "../../engine/decoder.ts";
import { createSampler } from "../../engine/sampler.ts";
import { NEUTRAL_SAMPLING } from "../../engine/sampling-params.ts";
import type { TextTools } from "../../text/load.ts";
import { SEAM } from "../../text/seam.ts";

/** Requests of many kinds that a model answers for its calibration. */
const REQUESTS = [
  "Hello! Who are you?",
  "Explain in simple words why the sky is blue.",
  "Write a short story about a lighthouse keeper.",
  "用三句话介绍一下你自己。",
  "List five ideas for a quiet weekend.",
  "Write a function in Python that reverses a list.",
  "What is the capital of Australia, and how many people live there?",
  "Translate into French: The train leaves at seven in the morning.",
  "Summarise: The meeting moved to Tuesday because two people were ill.",
  "Wie koche ich Reis?",
  "Give me a JSON object with the keys name, city and age.",
  "What is 17 times 23? Show the steps.",
  "Compare tea and coffee in a table.",
  "Write a polite email that asks for a refund.",
  "¿Cuáles son los planetas del sistema solar?",
  "Turn this into capitals: porch light",
];

export interface SelfTextOptions {
  /** How many texts, and how many tokens each. */
  texts: number;
  length: number;
  seed: number;
}

/**
 * Texts that a model writes by itself, to be calibrated on: they are what it will meet when it is used, and no other text has to be at
 * hand (the idea of Liu et al., LLM-QAT, arXiv:2305.17888). Half of them answer a request; the other half begin where a user would speak.
 * All of a text's tokens are returned, its beginning too. Sampled at temperature 1: nothing is cut off that it may say.
 */
export async function writeSelfTexts(
  decoder: Decoder,
  { tokenizer, template }: TextTools,
  { texts, length, seed }: SelfTextOptions,
): Promise<number[][]> {
  const most = Math.min(length, decoder.contextLength);
  const written: number[][] = [];
  for (let first = 0; first < texts; first += decoder.slots) {
    const count = Math.min(decoder.slots, texts - first);
    const prompts = Array.from({ length: count }, (_, i) => {
      const text = first + i;
      const request = text % 2 === 0 ? REQUESTS[(text / 2) % REQUESTS.length] : undefined;
      return promptTokens({ tokenizer, template }, request).slice(0, most - 1);
    });
    written.push(...(await continueAll(decoder, prompts, most, seed + first)));
  }
  return written;
}

/** Tokens up to where the answer to a request begins; without one, up to where the request would. */
function promptTokens({ tokenizer, template }: TextTools, request: string | undefined): number[] {
  const content = request ?? PLACE;
  const rendered = template.render([{ role: "user", content }], []);
  const end = request === undefined ? rendered.indexOf(PLACE) : -1;
  const tokens = tokenizer.encode(end === -1 ? rendered : rendered.slice(0, end).replace(SEAM, ""));
  return tokens.length > 0 ? tokens : tokenizer.encode("The");
}

/** Where a request would stand. */
const PLACE = "porchlight-calibration";

/** Continues prompts to `length` tokens, all at once. */
async function continueAll(decoder: Decoder, prompts: readonly number[][], length: number, seed: number) {
  const rows = prompts.map((prompt, slot) => ({
    tokens: [...prompt],
    slot,
    sampler: createSampler({ ...NEUTRAL_SAMPLING, seed: seed + slot }, prompt),
  }));
  for (const { tokens, slot, sampler } of rows) {
    tokens.push(sampler.sample(await decoder.prefill(slot, tokens, 0)));
  }
  // Those that are done go on being decoded with the rest, so that slots stay in order; what they add is dropped.
  while (rows.some(({ tokens }) => tokens.length < length)) {
    const last = rows.map(({ tokens }) => tokens.at(-1) ?? 0);
    const pasts = rows.map(({ tokens }) => Math.min(tokens.length - 1, decoder.contextLength - 1));
    const logits = await decoder.decode(last, pasts);
    for (const { tokens, slot, sampler } of rows) {
      if (tokens.length >= length) continue;
      tokens.push(sampler.sample(logits.subarray(slot * decoder.vocabSize, (slot + 1) * decoder.vocabSize)));
    }
  }
  return rows.map(({ tokens }) => tokens);
}

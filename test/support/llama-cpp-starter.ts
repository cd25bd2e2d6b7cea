import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Decoder } from "../../node-agent/engine/decoder.ts";
import type { TensorTypeName } from "../../node-agent/model/gguf/tensor-types.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { loadTextTools } from "../../node-agent/text/load.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import { starterGguf } from "./gguf-starter.ts";
import { type LlamaModel, openLlama } from "./llama-cpp.ts";
import { greedy, perplexity, readEvaluation, readReferenceLogits } from "./model-starter.ts";
import { temporaryFolder } from "./model-temp.ts";

export interface StarterRow {
  type: TensorTypeName;
  /** Size of the file. */
  bytes: number;
  /** How we hold it. */
  quantization: Quantization;
  perplexity: number;
  llamaPerplexity: number;
  /** Greedy tokens until the first that differs in an answer, of `tokens` in all answers. */
  agreeing: number;
  tokens: number;
  /** Documents that llama.cpp's tokenizer cuts as ours does, of `documents`. */
  tokenised: number;
  documents: number;
}

/** How the starter is loaded for comparison: with exact weights, and with those of 4 and 8 bits carried over. */
const LOADED: [TensorTypeName, Quantization[]][] = [
  ["F16", ["fp32"]],
  ["Q8_0", ["fp32", "int8"]],
  ["Q4_0", ["fp32", "int4"]],
];

const STEPS = 32;
/** Ends of an answer and of a text. */
const END_TOKENS = [4089, 4091];
const CONTEXT_LENGTH = 1024;

type Documents = Awaited<ReturnType<typeof readEvaluation>>["documents"];

/** The prompts: those with reference answers, and the beginnings of held-out conversations up to their first answer. */
export async function starterPrompts(count = 25): Promise<number[][]> {
  const references = (await readReferenceLogits()).map((reference) => reference.prompt_ids);
  const conversations = (await readEvaluation()).documents.flatMap(({ ids, mask }) => {
    const answer = mask.indexOf(1);
    return answer > 0 ? [ids.slice(0, answer)] : [];
  });
  return [...references, ...conversations].slice(0, count);
}

/** Writes the starter as GGUF and runs it here and in llama.cpp. `few` is how many prompts are answered and held-out documents scored. */
export async function compareStarter(
  types = LOADED,
  few: { prompts?: number; documents?: number } = {},
): Promise<StarterRow[]> {
  await using folder = await temporaryFolder();
  const scored = (await readEvaluation()).documents.slice(0, few.documents);
  const prompts = await starterPrompts(few.prompts);
  const rows: StarterRow[] = [];
  for (const [type, quantizations] of types) {
    const path = join(folder.path, `starter-${type}.gguf`);
    await writeFile(path, await starterGguf(type));
    await using llama = await openLlama(path, CONTEXT_LENGTH);
    const there = await runThere(llama, path, prompts, scored);
    for (const quantization of quantizations) {
      const decoder = await loadDecoder({ folder: path, quantization, cacheDir: folder.path, slots: 1 });
      try {
        const here = await runHere(decoder, prompts, there.answers, scored);
        const { llamaPerplexity, tokenised } = there;
        rows.push({
          type,
          bytes: llama.bytes,
          quantization,
          ...here,
          llamaPerplexity,
          tokenised,
          documents: scored.length,
        });
      } finally {
        await decoder.dispose();
      }
    }
  }
  return rows;
}

async function runThere(llama: LlamaModel, path: string, prompts: readonly number[][], documents: Documents) {
  const answers = [];
  for (const prompt of prompts) answers.push(answerOf(await llama.greedy(prompt, STEPS)));
  const { tokenizer } = await loadTextTools(path);
  const tokenised = documents.filter(({ ids }) => {
    const text = Buffer.concat(ids.map((id) => tokenizer.bytesOf(id))).toString();
    return llama.tokenize(text).join() === tokenizer.encode(text).join();
  });
  return { answers, tokenised: tokenised.length, llamaPerplexity: await documentsPerplexity(llama, documents) };
}

/** Perplexity over documents that are scored alone, as `perplexity` of model-starter.ts: of all tokens but each first. */
export async function documentsPerplexity(llama: LlamaModel, documents: readonly { ids: number[] }[]): Promise<number> {
  let [loss, count] = [0, 0];
  for (const { ids } of documents) {
    loss += Math.log(await llama.perplexity(ids, ids.length)) * (ids.length - 1);
    count += ids.length - 1;
  }
  return Math.exp(loss / count);
}

async function runHere(
  decoder: Decoder,
  prompts: readonly number[][],
  theirs: readonly number[][],
  documents: Documents,
) {
  let [agreeing, tokens] = [0, 0];
  for (const [i, prompt] of prompts.entries()) {
    const expected = theirs[i] ?? [];
    const answer = answerOf(await greedy(decoder, prompt, STEPS));
    const differs = expected.findIndex((token, at) => token !== answer[at]);
    agreeing += differs === -1 ? expected.length : differs;
    tokens += expected.length;
  }
  return { agreeing, tokens, perplexity: (await perplexity(decoder, documents)).all };
}

/** An answer up to and with the token that ends it. */
function answerOf(tokens: number[]): number[] {
  const end = tokens.findIndex((token) => END_TOKENS.includes(token));
  return end === -1 ? tokens : tokens.slice(0, end + 1);
}

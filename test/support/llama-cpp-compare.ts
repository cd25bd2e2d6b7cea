import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FloatFormat } from "../../node-agent/model/float-formats.ts";
import type { TensorTypeName } from "../../node-agent/model/gguf/tensor-types.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { tinyModelGguf } from "./gguf-tiny.ts";
import { encodeGguf, type ValueToWrite } from "./gguf-writer.ts";
import { openLlama } from "./llama-cpp.ts";
import { argmax, greedy } from "./model-starter.ts";
import { temporaryFolder } from "./model-temp.ts";
import { type TinyModel, writeTinyModel } from "./model-tiny.ts";

/** What we are given: a Hugging Face folder in a number format, or the file of a type that llama.cpp reads too. */
export type ComparedFormat = { safetensors: FloatFormat } | { gguf: TensorTypeName };

export interface Comparison {
  /** Steps at which llama.cpp chooses the same token after the same text, of `STEPS`. */
  agreeing: number;
  /** At the steps where it does not: the most by which we prefer our token to its, in logits. */
  preference: number;
  /** The largest difference of a logarithm of a probability, of any token after any part of the text. */
  difference: number;
}

const PROMPT = [3, 99, 17, 0, 42, 42, 7, 64, 8, 1, 77];
export const STEPS = 64;
const SEED = 1;

/**
 * How far apart we and llama.cpp may be. Weights are the same numbers on both sides, and we compute in float32; llama.cpp rounds what a
 * matrix is multiplied with: to half precision beside F16, to bfloat16 beside BF16, and to 8 bits with a scale per 32 or 256 beside
 * every other type. Gemma's activation function it looks up in a table in half precision. Where experts are chosen, rounding may choose
 * others at a tie, and the logits then are those of another model.
 */
export function toleranceOf(format: ComparedFormat, model: TinyModel): number {
  const type = "gguf" in format ? format.gguf : format.safetensors;
  const isGemma = model.config.architectures[0]?.startsWith("Gemma") === true;
  if (type === "F32") return isGemma ? 0.01 : 1e-4;
  const { num_experts: experts = 0, num_experts_per_tok: taken = 0 } = model.config;
  if (taken < experts) return 4;
  if (type === "F16") return 0.02;
  return type === "BF16" ? 0.15 : 0.5;
}

/**
 * Runs a tiny model with random weights here and in llama.cpp over our own greedy answer.
 * @param spoilt metadata that only llama.cpp is given, to see that a difference shows
 */
export async function compareWithLlama(
  model: TinyModel,
  format: ComparedFormat,
  spoilt?: Record<string, ValueToWrite>,
): Promise<Comparison> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "tiny.gguf");
  const path = await writeModel(folder.path, file, model, format);
  const ours = await runHere(path, folder.path);
  if (spoilt !== undefined) {
    const { metadata, tensors = [] } = tinyModelGguf(model, SEED);
    await writeFile(file, encodeGguf({ metadata: { ...metadata, ...spoilt }, tensors }));
  }
  await using llama = await openLlama(file, model.config.max_position_embeddings);
  const theirs = await llama.logProbabilities(ours.text);
  return compare(ours, theirs);
}

/** Writes what llama.cpp reads to `file`; returns what we read. */
async function writeModel(folder: string, file: string, model: TinyModel, format: ComparedFormat): Promise<string> {
  if ("gguf" in format) {
    await writeFile(file, encodeGguf(tinyModelGguf(model, SEED, format.gguf)));
    return file;
  }
  const rounded = { ...model, precision: format.safetensors };
  await writeTinyModel(folder, rounded, SEED);
  await writeFile(file, encodeGguf(tinyModelGguf(rounded, SEED, format.safetensors)));
  return folder;
}

interface Run {
  /** Prompt and answer but for its last token. */
  text: number[];
  answer: number[];
  /** After every token of the text. */
  logits: Float32Array;
  vocabSize: number;
}

async function runHere(path: string, cacheDir: string): Promise<Run> {
  const decoder = await loadDecoder({ folder: path, quantization: "fp32", cacheDir, slots: 1, threads: 1 });
  try {
    const answer = await greedy(decoder, PROMPT, STEPS);
    const text = [...PROMPT, ...answer.slice(0, -1)];
    return { text, answer, logits: (await decoder.evaluate(0, text)).slice(), vocabSize: decoder.vocabSize };
  } finally {
    await decoder.dispose();
  }
}

function compare({ text, answer, logits, vocabSize }: Run, theirs: Float32Array): Comparison {
  const found: Comparison = { agreeing: STEPS, preference: 0, difference: 0 };
  for (const position of text.keys()) {
    const row = (all: Float32Array) => all.subarray(position * vocabSize, (position + 1) * vocabSize);
    const [here, there] = [row(logits), row(theirs)];
    const sum = logSumExp(here);
    for (const [token, logit] of here.entries()) {
      const difference = Math.abs(logit - sum - (there[token] ?? Number.NaN));
      // NaN must not pass for equal.
      if (!(difference <= found.difference)) found.difference = difference;
    }
    const [chosen, theirChoice] = [answer[position - PROMPT.length + 1], argmax(there)];
    if (chosen === undefined || chosen === theirChoice) continue;
    found.agreeing--;
    found.preference = Math.max(found.preference, (here[chosen] ?? 0) - (here[theirChoice] ?? 0));
  }
  return found;
}

function logSumExp(values: Float32Array): number {
  const max = Math.max(...values);
  return max + Math.log(values.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

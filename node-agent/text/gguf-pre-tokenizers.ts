import { PorchlightError } from "../../shared/errors.ts";

/** A `pre_tokenizer` of a tokenizer.json: how text is cut before its pieces are merged. */
type PreTokenizer = Readonly<Record<string, unknown>>;

const BYTES = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
/** GPT-2's rule is the one that ByteLevel has built in. */
const GPT2 = { ...BYTES, use_regex: true };

function split(pattern: string): PreTokenizer {
  return { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
}

function sequence(...pretokenizers: readonly PreTokenizer[]): PreTokenizer {
  return { type: "Sequence", pretokenizers };
}

/** The rule of cl100k (tiktoken), which Llama 3 and Qwen share but for how many digits stay together. */
function cl100k(digits: string): PreTokenizer {
  const words = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+`;
  const rest = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
  return sequence(split(`${words}|${digits}|${rest}`), BYTES);
}

const LLAMA3 = cl100k(String.raw`\p{N}{1,3}`);
const QWEN2 = cl100k(String.raw`\p{N}`);
const DIGITS = sequence(split(String.raw`\p{N}`), GPT2);
/** What llama.cpp does where a file names no rule. */
const DEFAULT = sequence(split(String.raw`[\p{P}$+<=>^~|]+`), split(String.raw`\p{N}+`), split("[0-9]{3}"), GPT2);

/** By `tokenizer.ggml.pre`. */
const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map([
  ["default", DEFAULT],
  ["gpt-2", GPT2],
  ["phi-2", GPT2],
  ["olmo", GPT2],
  ["llama-bpe", LLAMA3],
  ["llama3", LLAMA3],
  ["llama-v3", LLAMA3],
  ["dbrx", LLAMA3],
  ["smaug-bpe", LLAMA3],
  ["qwen2", QWEN2],
  ["deepseek-r1-qwen", QWEN2],
  ["stablelm2", QWEN2],
  ["smollm", DIGITS],
  ["starcoder", DIGITS],
  ["refact", DIGITS],
  ["command-r", DIGITS],
  ["codeshell", DIGITS],
]);

/** Kinds whose vocabulary is looked up before any merge: Llama 3's merges do not reach all of its tokens. */
const WHOLE_WORDS: ReadonlySet<PreTokenizer> = new Set([LLAMA3]);

/** How a byte-level vocabulary cuts text. Throws `model_load_failed` for a kind that is not known: guessing would spoil every answer. */
export function preTokenizerOf(kind: string): { preTokenizer: PreTokenizer; ignoreMerges: boolean } {
  const preTokenizer = PRE_TOKENIZERS.get(kind);
  if (preTokenizer === undefined) {
    throw new PorchlightError(
      "model_load_failed",
      `The GGUF file's tokenizer cuts text by the rule ${JSON.stringify(kind.slice(0, 80))}, which is not supported. Supported are: ${[...PRE_TOKENIZERS.keys()].join(", ")}.`,
    );
  }
  return { preTokenizer, ignoreMerges: WHOLE_WORDS.has(preTokenizer) };
}

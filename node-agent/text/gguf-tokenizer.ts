import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { preTokenizerOf } from "./gguf-pre-tokenizers.ts";
import { sentencePieceModel } from "./gguf-sentencepiece.ts";
import { vocabulary } from "./gguf-vocabulary.ts";

const texts = z.array(z.string());
const tokenId = z.number().int().nonnegative();

const schema = z.object({
  "tokenizer.ggml.model": z.enum(["gpt2", "llama"], {
    error: "only gpt2 (BPE) and llama (SentencePiece) are supported",
  }),
  "tokenizer.ggml.pre": z.string().default("default"),
  "tokenizer.ggml.tokens": texts.min(1),
  // llama.cpp writes int32; other converters have written unsigned ones.
  "tokenizer.ggml.token_type": z.union([z.instanceof(Int32Array), z.array(z.number())]).optional(),
  "tokenizer.ggml.scores": z.instanceof(Float32Array).optional(),
  "tokenizer.ggml.merges": texts.default([]),
  "tokenizer.ggml.add_space_prefix": z.boolean().default(true),
  "tokenizer.ggml.bos_token_id": tokenId.optional(),
  "tokenizer.ggml.eos_token_id": tokenId.optional(),
  "tokenizer.ggml.padding_token_id": tokenId.optional(),
  "tokenizer.ggml.unknown_token_id": tokenId.optional(),
  "tokenizer.chat_template": z.string().optional(),
  "tokenizer.chat_templates": texts.default([]),
});
type Values = z.infer<typeof schema>;

/** `tokenizer.ggml.token_type` of tokens that are not made of the vocabulary's pieces. */
const CONTROL = 3;
const USER_DEFINED = 4;

/** What tokenizer.json and tokenizer_config.json would be. */
export interface TokenizerFiles {
  tokenizer: Record<string, unknown>;
  config: Record<string, unknown>;
}

/**
 * Tokenizer and chat template from a GGUF file's metadata, as the files that a Hugging Face folder has. Throws `model_load_failed`.
 * @param metadata all of it, by key @param file the file's name, for messages
 */
export function ggufTokenizerFiles(metadata: ReadonlyMap<string, unknown>, file: string): TokenizerFiles {
  const values = parseValues(metadata, file);
  return { tokenizer: tokenizerJson(values), config: tokenizerConfig(values, metadata) };
}

/** Throws as `ggufTokenizerFiles` does, without making the files. */
export function checkGgufTokenizer(metadata: ReadonlyMap<string, unknown>, file: string): void {
  const values = parseValues(metadata, file);
  if (values["tokenizer.ggml.model"] === "gpt2") preTokenizerOf(values["tokenizer.ggml.pre"]);
}

function parseValues(metadata: ReadonlyMap<string, unknown>, file: string): Values {
  const parsed = schema.safeParse(Object.fromEntries(metadata));
  if (!parsed.success) {
    throw refused(`The metadata of ${file}: ${z.prettifyError(parsed.error)}`, parsed.error);
  }
  const values = parsed.data;
  const tokens = values["tokenizer.ggml.tokens"];
  for (const list of ["tokenizer.ggml.token_type", "tokenizer.ggml.scores"] as const) {
    const length = values[list]?.length ?? tokens.length;
    if (length !== tokens.length) throw refused(`${file} has ${tokens.length} tokens and ${length} items in ${list}.`);
  }
  return values;
}

function tokenizerJson(values: Values): Record<string, unknown> {
  const types = values["tokenizer.ggml.token_type"];
  const added: object[] = [];
  const pieces: [token: string, id: number][] = [];
  for (const [id, content] of values["tokenizer.ggml.tokens"].entries()) {
    const type = types?.[id];
    if (type === CONTROL || type === USER_DEFINED) added.push(addedToken(id, content, type === CONTROL));
    else pieces.push([content, id]);
  }
  const model = values["tokenizer.ggml.model"] === "gpt2" ? byteLevelModel : sentencePiece;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    post_processor: null,
    ...model(values, pieces),
  };
}

function addedToken(id: number, content: string, special: boolean): object {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

function byteLevelModel(values: Values, pieces: readonly [string, number][]): object {
  const { preTokenizer, ignoreMerges } = preTokenizerOf(values["tokenizer.ggml.pre"]);
  return {
    normalizer: null,
    pre_tokenizer: preTokenizer,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      vocab: vocabulary(pieces),
      merges: values["tokenizer.ggml.merges"].map(mergeOf),
    },
  };
}

function sentencePiece(values: Values, pieces: readonly [string, number][]): object {
  const unknown = values["tokenizer.ggml.tokens"][values["tokenizer.ggml.unknown_token_id"] ?? -1];
  const scores = values["tokenizer.ggml.scores"];
  return sentencePieceModel({
    pieces: pieces.map(([token, id]) => ({ token, id, score: scores?.[id] ?? 0 })),
    unknown,
    spacePrefix: values["tokenizer.ggml.add_space_prefix"],
  });
}

/** "a b": the first space that is not at the start divides, as a piece may begin with one. */
function mergeOf(merge: string): [string, string] {
  const space = merge.indexOf(" ", 1);
  if (space === -1) throw refused(`The GGUF file's merge ${JSON.stringify(merge.slice(0, 80))} is not of two pieces.`);
  return [merge.slice(0, space), merge.slice(space + 1)];
}

function tokenizerConfig(values: Values, metadata: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const token = (key: "bos" | "eos" | "padding" | "unknown") => {
    const id = values[`tokenizer.ggml.${key}_token_id`];
    return id === undefined ? null : (values["tokenizer.ggml.tokens"][id] ?? null);
  };
  return {
    bos_token: token("bos"),
    eos_token: token("eos"),
    pad_token: token("padding"),
    unk_token: token("unknown"),
    chat_template: chatTemplates(values, metadata),
  };
}

/** The template, or several by name: `tokenizer.chat_templates` lists those beside the default one. */
function chatTemplates(values: Values, metadata: ReadonlyMap<string, unknown>): unknown {
  const single = values["tokenizer.chat_template"];
  const named = values["tokenizer.chat_templates"].flatMap((name) => {
    const template = metadata.get(`tokenizer.chat_template.${name}`);
    return typeof template === "string" && name !== "default" ? [{ name, template }] : [];
  });
  if (named.length === 0) return single ?? null;
  return single === undefined ? named : [{ name: "default", template: single }, ...named];
}

function refused(message: string, cause?: unknown): PorchlightError {
  return new PorchlightError("model_load_failed", message, cause === undefined ? {} : { cause });
}

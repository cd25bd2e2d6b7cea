import { join } from "node:path";
import { z } from "zod";
import { type ModelConfig, parseConfig } from "../config.ts";
import { readJson } from "../json-file.ts";
import { modelError } from "../model-error.ts";
import { type EncoderConfig, encoderKindOf, parseEncoderConfig } from "./encoder-config.ts";
import type { Pooling } from "./pooling.ts";
import { isSentenceModel, readSentenceConfig, type SentenceConfig } from "./sentence-config.ts";

/** The transformer inside a model for embeddings. */
export type EmbeddingBody =
  | { kind: "encoder"; config: EncoderConfig }
  /** A language model whose states are taken in place of its logits. */
  | { kind: "decoder"; config: ModelConfig };

/** What a model folder says of itself as a model for embeddings. */
export interface EmbeddingFiles {
  body: EmbeddingBody;
  /** Its name in config.json. */
  architecture: string;
  pooling: Pooling;
  /** Tokens of one text. */
  maxTokens: number;
  prompts: SentenceConfig["prompts"];
}

const namedSchema = z.looseObject({ architectures: z.array(z.string().max(128)).min(1).max(16) });

/**
 * Reads a model folder in the Hugging Face layout; undefined if it is none for embeddings: neither an encoder, nor described by the
 * files of sentence-transformers. Throws `model_load_failed` for one that is broken or not supported.
 */
export async function readEmbeddingFiles(folder: string): Promise<EmbeddingFiles | undefined> {
  const json = await readJson(join(folder, "config.json"));
  const encoder = encoderKindOf(json);
  if (encoder === undefined && !(await isSentenceModel(folder))) return undefined;
  const named = namedSchema.safeParse(json);
  const sentence = await readSentenceConfig(folder);
  const body: EmbeddingBody =
    encoder === undefined
      ? { kind: "decoder", config: parseConfig(asLanguageModel(json)) }
      : { kind: "encoder", config: parseEncoderConfig(encoder, z.looseObject({}).parse(json)) };
  const { maxPositions } = body.config;
  return {
    body,
    architecture: named.data?.architectures[0] ?? encoder ?? "unknown",
    pooling: sentence.pooling ?? (encoder === undefined ? "last" : "mean"),
    maxTokens: Math.min(maxPositions, sentence.maxTokens ?? maxPositions),
    prompts: sentence.prompts,
  };
}

/** The configuration of a model without its output projection (Qwen3Model) as that of the one with it. */
function asLanguageModel(json: unknown): unknown {
  const named = namedSchema.safeParse(json);
  if (!named.success) throw modelError("config.json does not say which architecture the model has.");
  return {
    ...named.data,
    architectures: named.data.architectures.map((name) => name.replace(/Model$/, "ForCausalLM")),
  };
}

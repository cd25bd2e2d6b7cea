import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Quantization } from "../../../shared/inference/model.ts";
import { fitFirstStage, type ModelConfig, parseConfig } from "../config.ts";
import { readJson } from "../json-file.ts";
import { modelError } from "../model-error.ts";
import { type EncoderConfig, encoderKindOf, parseEncoderConfig } from "./encoder-config.ts";
import type { EncoderName } from "./encoder-kinds.ts";
import { type OnnxEmbedding, readOnnxEmbedding } from "./onnx-files.ts";
import type { Pooling } from "./pooling.ts";
import { isSentenceModel, readSentenceConfig, type SentenceConfig } from "./sentence-config.ts";

/** The transformer inside a model for embeddings. */
export type EmbeddingBody =
  | { kind: "encoder"; config: EncoderConfig }
  /** A language model whose states are taken in place of its logits. */
  | { kind: "decoder"; config: ModelConfig }
  /** A graph that somebody else made. */
  | { kind: "onnx"; config: GraphConfig; graph: OnnxEmbedding };

/** What config.json says of a graph. */
export interface GraphConfig {
  vocabSize: number;
  maxPositions: number;
  heads: number;
}

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
 * files of sentence-transformers, nor a ready-made graph with vectors as its output. Where there are both, safetensors are taken.
 * Throws `model_load_failed` for one that is broken or not supported.
 * @param wanted which of several ready-made graphs is preferred
 */
export async function readEmbeddingFiles(folder: string, wanted?: Quantization): Promise<EmbeddingFiles | undefined> {
  const json = await readJson(join(folder, "config.json"));
  const encoder = encoderKindOf(json);
  const graph = (await hasSafetensors(folder)) ? undefined : await readOnnxEmbedding(folder, wanted);
  if (encoder === undefined && graph === undefined && !(await isSentenceModel(folder))) return undefined;
  const named = namedSchema.safeParse(json);
  const sentence = await readSentenceConfig(folder);
  const body = bodyOf(json, encoder, graph);
  const { maxPositions } = body.config;
  return {
    body,
    architecture: named.data?.architectures[0] ?? encoder ?? "unknown",
    pooling: sentence.pooling ?? (encoder === undefined ? "last" : "mean"),
    maxTokens: Math.min(maxPositions, sentence.maxTokens ?? maxPositions),
    prompts: sentence.prompts,
  };
}

function bodyOf(json: unknown, encoder: EncoderName | undefined, graph: OnnxEmbedding | undefined): EmbeddingBody {
  const config = encoder === undefined ? undefined : parseEncoderConfig(encoder, z.looseObject({}).parse(json));
  if (graph !== undefined) return { kind: "onnx", config: config ?? parseGraphConfig(json), graph };
  if (config !== undefined) return { kind: "encoder", config };
  return { kind: "decoder", config: fitFirstStage(parseConfig(asLanguageModel(json))) };
}

const count = z
  .number()
  .int()
  .positive()
  .max(1 << 24);
const graphConfigSchema = z.looseObject({
  vocab_size: count,
  max_position_embeddings: count,
  num_attention_heads: count.default(16),
});

function parseGraphConfig(json: unknown): GraphConfig {
  const parsed = graphConfigSchema.safeParse(json);
  if (!parsed.success) throw modelError(`config.json: ${z.prettifyError(parsed.error)}`, parsed.error);
  const { vocab_size: vocabSize, max_position_embeddings: maxPositions, num_attention_heads: heads } = parsed.data;
  return { vocabSize, maxPositions, heads };
}

async function hasSafetensors(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [])).some((name) => name.endsWith(".safetensors"));
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

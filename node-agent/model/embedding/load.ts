import { resolve } from "node:path";
import type { EmbeddingModel } from "../../engine/embed-runner.ts";
import type { Embedder } from "../../engine/embedder.ts";
import type { DecoderOptions } from "../../engine/decoder.ts";
import { probeHardware } from "../../hardware/probe.ts";
import { openPlainSession } from "../../runtime/plain-session.ts";
import { loadEmbeddingTokenizer } from "../../text/embedding-tokenizer.ts";
import { openCompiled } from "../compiled-session.ts";
import { fitContext, type ModelConfig } from "../config.ts";
import { BUILDER_VERSION } from "../load.ts";
import { modelError } from "../model-error.ts";
import { openModelTensors } from "../model-files.ts";
import { buildTransformer, precisionsOf, weightCount } from "../transformer.ts";
import { DecoderEmbedder } from "./decoder-embedder.ts";
import { buildEncoder, encoderWeightCount } from "./encoder.ts";
import type { EncoderConfig } from "./encoder-config.ts";
import { EncoderEmbedder } from "./encoder-embedder.ts";
import { type EmbeddingFiles, readEmbeddingFiles } from "./files.ts";
import { OnnxEmbedder } from "./onnx-embedder.ts";
import type { OnnxEmbedding } from "./onnx-files.ts";
import { decoderTensors, encoderTensors } from "./tensor-names.ts";

/** As DecoderOptions, without slots; `contextLength` bounds the tokens of one text. */
export type EmbedderOptions = Omit<DecoderOptions, "slots">;

/** Raise it when the graph of encoders changes. */
const ENCODER_VERSION = 1;

/**
 * Loads a folder as a model for embeddings, with its tokenizer and prompts. Like a decoder it is converted and compiled the first time.
 * Throws PorchlightError `model_load_failed` with what is wrong with the folder.
 */
export async function loadEmbedder(options: EmbedderOptions): Promise<EmbeddingModel> {
  const path = resolve(options.folder);
  const files = await readEmbeddingFiles(path, options.quantization);
  if (files === undefined) throw modelError(`${path} is no model for embeddings.`);
  const { body, prompts } = files;
  const maxTokens = Math.min(files.maxTokens, options.contextLength ?? files.maxTokens);
  const tokenizer = await loadEmbeddingTokenizer(path, body.config.vocabSize);
  if (tokenizer.begin.length + tokenizer.end.length >= maxTokens)
    throw modelError(`${path}: no text fits into ${maxTokens} tokens.`);
  const embedder = await openBody(path, files, maxTokens, options);
  options.onProgress?.("loading", 1);
  return { embedder, tokenizer, prompts };
}

async function openBody(
  path: string,
  { body, pooling }: EmbeddingFiles,
  maxTokens: number,
  options: EmbedderOptions,
): Promise<Embedder> {
  const limits = { maxTokens, pooling };
  if (body.kind === "onnx") return await openGraph(path, body.graph, limits, options);
  return body.kind === "encoder"
    ? await openEncoder(path, body.config, limits, options)
    : await openDecoder(path, body.config, limits, options);
}

/** A ready-made graph runs as it is; the quantisation was its maker's choice. */
async function openGraph(path: string, graph: OnnxEmbedding, limits: Limits, options: EmbedderOptions) {
  options.onProgress?.("loading", 0);
  const threads = options.threads ?? probeHardware().cpu.cores;
  const session = await openPlainSession(graph.path, { threads }).catch((error: Error) => {
    throw modelError(`${path} could not be loaded: ${error.message}`, error);
  });
  return new OnnxEmbedder(session, graph, limits);
}

type Limits = Pick<EmbeddingFiles, "maxTokens" | "pooling">;

async function openEncoder(path: string, config: EncoderConfig, limits: Limits, options: EmbedderOptions) {
  const { quantization } = options;
  const session = await openCompiled(
    {
      path,
      quantization,
      key: { builder: BUILDER_VERSION, encoder: ENCODER_VERSION },
      open: async () => encoderTensors(await openModelTensors(path), config.kind),
      build: (weights) => buildEncoder(config, weights, precisionsOf(quantization, weights.source.quantization)),
      weightCount: encoderWeightCount(config),
    },
    options,
  );
  return new EncoderEmbedder(session, config, limits);
}

async function openDecoder(path: string, found: ModelConfig, limits: Limits, options: EmbedderOptions) {
  const { quantization } = options;
  const config = fitContext(found, limits.maxTokens);
  const session = await openCompiled(
    {
      path,
      quantization,
      key: { builder: BUILDER_VERSION, positions: config.maxPositions, end: "states" },
      open: async () => decoderTensors(await openModelTensors(path)),
      build: (w) => buildTransformer(config, w, precisionsOf(quantization, w.source.quantization), "states"),
      weightCount: weightCount(config),
    },
    options,
  );
  return new DecoderEmbedder(session, config, limits);
}

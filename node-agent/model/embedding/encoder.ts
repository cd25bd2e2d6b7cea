import { CONTRIB, type Value } from "../../runtime/graph-builder.ts";
import { addBiases, addLinear, addVector, type Part, type Precision, type Weights } from "../linear.ts";
import { transposeInto } from "../quantize.ts";
import { expectShape } from "../rows.ts";
import { addEmbedding } from "../token-table.ts";
import type { Precisions } from "../transformer.ts";
import type { EncoderActivation, EncoderConfig } from "./encoder-config.ts";

/** Names of the graph's inputs and outputs. */
export const ENCODER_VALUES = {
  /** int32 [texts, length]. */
  tokens: "tokens",
  /** int32 [texts, length]: 1 for a token, 0 for padding. */
  mask: "mask",
  /** int32 [length]: rows of the table of positions. */
  positions: "positions",
  /** int32 [length, length]: bucket of the distance from a token (row) to another; only where the kind has a relative bias. */
  buckets: "buckets",
  /** float32 [texts, length, hidden]. */
  hidden: "hidden",
} as const;

/** Weights that the graph reads, but for biases and norms. */
export function encoderWeightCount({ vocabSize, hiddenSize, ffnSize, layers, positionRows }: EncoderConfig): number {
  return (vocabSize + positionRows) * hiddenSize + layers * (4 * hiddenSize + 2 * ffnSize) * hiddenSize;
}

/**
 * Builds the graph of a BERT-like encoder (Devlin et al., arXiv:1810.04805) into `weights.graph`, converting its weights on the way.
 * Throws `model_load_failed` if a tensor is missing or has another shape.
 */
export async function buildEncoder(config: EncoderConfig, w: Weights, precisions: Precisions): Promise<void> {
  const { graph } = w;
  const { kind, hiddenSize } = config;
  const names = ENCODER_VALUES;
  graph.withoutResult();
  const tokens = graph.input(names.tokens, "int32", ["texts", "length"]);
  const mask = graph.input(names.mask, "int32", ["texts", "length"]);
  const positions = graph.input(names.positions, "int32", ["length"]);
  const bias = kind.hasRelativeBias ? await addRelativeBias(config, w) : undefined;
  const table = (part: string, rows: number): Part => ({ from: `embeddings.${part}`, rows });
  const words = table("word_embeddings", config.vocabSize);
  let embedded = await addEmbedding(w, "words", tokens, words, hiddenSize, precisions.embedding);
  const places = table("position_embeddings", config.positionRows);
  const placed = await addEmbedding(w, "places", positions, places, hiddenSize, "fp32");
  embedded = graph.node("placed", "Add", [embedded, placed]);
  if (kind.hasTokenTypes) {
    // A text that stands alone is of the first type throughout.
    const types = await addEmbedding(
      w,
      "types",
      addZero(w),
      table("token_type_embeddings", config.tokenTypes),
      hiddenSize,
      "fp32",
    );
    embedded = graph.node("typed", "Add", [embedded, types]);
  }
  let hidden = await addLayerNorm(config, w, "embedding_norm", "embeddings.LayerNorm", [embedded]);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = layer === config.layers - 1 ? names.hidden : `layer${layer}`;
    hidden = await addLayer(config, w, precisions.linear, layer, name, { hidden, mask, bias });
  }
  graph.output(names.hidden, "float32", ["texts", "length", hiddenSize]);
}

interface LayerInputs {
  hidden: Value;
  mask: Value;
  bias: Value | undefined;
}

async function addLayer(
  config: EncoderConfig,
  w: Weights,
  precision: Precision,
  layer: number,
  name: string,
  { hidden, mask, bias }: LayerInputs,
): Promise<Value> {
  const { graph } = w;
  const { kind, hiddenSize, ffnSize, heads } = config;
  const from = (part: string) => `${kind.layers}.${layer}.${part}`;
  const part = (of: string, rows: number): Part => ({ from: from(of), rows });
  const at = (step: string) => `layer${layer}.${step}`;
  const { names } = kind;
  const qkv = [part(names.query, hiddenSize), part(names.key, hiddenSize), part(names.value, hiddenSize)];
  const packed = await addDense(w, at("qkv"), hidden, qkv, hiddenSize, precision);
  const outputs = ["q", "k", "v"].map(at);
  const sizes = graph.shape("qkv_sizes", [hiddenSize, hiddenSize, hiddenSize]);
  graph.node(at("split"), "Split", [packed, sizes], { attributes: { axis: -1 }, outputs });
  const attended = graph.node(
    at("attention"),
    "MultiHeadAttention",
    [...outputs, "", mask, ...(bias === undefined ? [] : [bias])],
    { domain: CONTRIB, attributes: { num_heads: heads } },
  );
  const projected = await addDense(w, at("o"), attended, [part(names.attended, hiddenSize)], hiddenSize, precision);
  const middle = await addLayerNorm(config, w, at("norm1"), from(names.attentionNorm), [projected, hidden]);
  const up = await addDense(w, at("up"), middle, [part(names.up, ffnSize)], hiddenSize, precision);
  const activated = addActivation(w, at("activated"), up, config.activation);
  const down = await addDense(w, at("down"), activated, [part(names.down, hiddenSize)], ffnSize, precision);
  return await addLayerNorm(config, w, name, from(names.outputNorm), [down, middle]);
}

/** A product with its biases. In 8 bits each row is scaled by itself, so that a text's vector hardly hangs on its neighbours. */
async function addDense(
  w: Weights,
  name: string,
  input: Value,
  parts: readonly Part[],
  columns: number,
  precision: Precision,
): Promise<Value> {
  const product = await addLinear(w, name, input, parts, columns, precision, { unevenRows: true });
  return await addBiases(w, name, product, parts);
}

/** LayerNorm (arXiv:1607.06450) of a value, or of the sum of two. */
async function addLayerNorm(
  config: EncoderConfig,
  w: Weights,
  name: string,
  from: string,
  inputs: readonly [Value] | readonly [Value, Value],
): Promise<Value> {
  const gain = await addVector(w, `${from}.weight`, config.hiddenSize, 0);
  const bias = await addVector(w, `${from}.bias`, config.hiddenSize, 0);
  const epsilon = { float: config.normEpsilon };
  return inputs.length === 1
    ? w.graph.node(name, "LayerNormalization", [...inputs, gain, bias], { attributes: { axis: -1, epsilon } })
    : w.graph.node(name, "SkipLayerNormalization", [...inputs, gain, bias], {
        domain: CONTRIB,
        attributes: { epsilon },
      });
}

/** GELU by the error function, or by its approximation with tanh, or ReLU. */
function addActivation({ graph }: Weights, name: string, input: Value, activation: EncoderActivation): Value {
  if (activation === "relu") return graph.node(name, "Relu", [input]);
  return graph.node(name, activation === "gelu" ? "Gelu" : "FastGelu", [input], { domain: CONTRIB });
}

/** An index 0, as a vector of one. */
function addZero({ graph }: Weights): Value {
  return graph.shape("first_type", [0]);
}

/** Each head's bias for each pair of positions: [1, heads, length, length]. */
async function addRelativeBias(config: EncoderConfig, w: Weights): Promise<Value> {
  const { graph, source, file } = w;
  const { relativeBuckets: rows, heads } = config;
  const buckets = graph.input(ENCODER_VALUES.buckets, "int32", ["length", "length"]);
  const tensor = "encoder.relative_attention_bias.weight";
  expectShape(source, tensor, [rows, heads]);
  const perHead = new Float32Array(rows * heads);
  transposeInto(await source.read(tensor, 0, rows * heads), heads, perHead, rows, 0);
  const table = await file.add(graph, "relative.table", perHead, [heads, rows]);
  const scores = graph.node("relative.scores", "Gather", [table, buckets], { attributes: { axis: 1 } });
  return graph.node("relative.bias", "Unsqueeze", [scores, graph.shape("first_axis", [0])]);
}

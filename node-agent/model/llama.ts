import type { Quantization } from "../../shared/inference/model.ts";
import { CONTRIB, type Value } from "../runtime/graph-builder.ts";
import type { LlamaConfig } from "./config.ts";
import { addEmbedding, addLinear, addVector, type Precision, type Weights } from "./linear.ts";
import { ropeCaches } from "./rope.ts";

/** Names of the graph's inputs and outputs. */
export const LLAMA_VALUES = {
  /** int32 [batch, length]: token ids. */
  tokens: "tokens",
  /** int32 [rows]: which of the batch x length positions to give logits for. */
  wanted: "wanted",
  /** int32 [batch]: index of each row's last position, past + length - 1. */
  lastPositions: "last_positions",
  /** int32 [1]: the largest past + length. */
  totalLength: "total_length",
  /** float32 [rows, vocabulary]. */
  logits: "logits",
  /** float32 [batch, kv heads, context, head size]; `present` is the same memory as `past`. */
  pastKey: (layer: number) => `past.${layer}.key`,
  pastValue: (layer: number) => `past.${layer}.value`,
  presentKey: (layer: number) => `present.${layer}.key`,
  presentValue: (layer: number) => `present.${layer}.value`,
} as const;

/** How each part of the model is held. */
export interface LlamaPrecisions {
  linear: Precision;
  output: Precision;
  embedding: "fp32" | "int8";
}

/**
 * The precisions that make up a quantisation. With 4-bit layers the output projection keeps 8 bits: on the starter that takes half
 * of the damage away (perplexity +1.0% instead of +1.7%) for a twentieth more bytes per token in a model of a billion. The embedding in
 * 8 bits is as good as exact (+0.02%) and a quarter of the size.
 */
export function llamaPrecisions(quantization: Quantization): LlamaPrecisions {
  if (quantization === "fp32") return { linear: "fp32", output: "fp32", embedding: "fp32" };
  return { linear: quantization, output: "int8", embedding: "int8" };
}

/** Weights that the graph reads, counting a tied embedding twice since it is converted twice. */
export function llamaWeightCount(config: LlamaConfig): number {
  const { hiddenSize, ffnSize, heads, kvHeads, headDim } = config;
  const layer = hiddenSize * headDim * (2 * heads + 2 * kvHeads) + 3 * hiddenSize * ffnSize + 2 * hiddenSize;
  return config.layers * layer + 2 * config.vocabSize * hiddenSize + hiddenSize;
}

/**
 * Builds the graph of a Llama (Touvron et al., arXiv:2302.13971; grouped-query attention, arXiv:2305.13245) into `weights.graph`,
 * converting its weights on the way. Throws `model_load_failed` if a tensor is missing or has another shape.
 */
export async function buildLlama(config: LlamaConfig, weights: Weights, precisions: LlamaPrecisions): Promise<void> {
  const { graph } = weights;
  const { hiddenSize, vocabSize } = config;
  const names = LLAMA_VALUES;
  graph.withoutResult();
  const tokens = graph.input(names.tokens, "int32", ["batch", "length"]);
  const wanted = graph.input(names.wanted, "int32", ["rows"]);
  const shared = {
    lastPositions: graph.input(names.lastPositions, "int32", ["batch"]),
    totalLength: graph.input(names.totalLength, "int32", [1]),
    ...(await addRopeCaches(config, weights)),
  };
  const table = { tensor: "model.embed_tokens.weight", rows: vocabSize };
  const embedded = await addEmbedding(weights, "embedding", tokens, table, hiddenSize, precisions.embedding);
  let stream: Stream = { delta: undefined, residual: embedded };
  for (let layer = 0; layer < config.layers; layer++) {
    const keep = layer === config.layers - 1 ? wanted : undefined;
    stream = await addLayer(config, weights, precisions, shared, layer, stream, keep);
  }
  const { normed } = await addNorm(config, weights, "final_norm", "model.norm.weight", stream);
  const head = { tensor: config.tiedEmbeddings ? table.tensor : "lm_head.weight", rows: vocabSize };
  await addLinear(weights, names.logits, normed, [head], hiddenSize, precisions.output);
  graph.output(names.logits, "float32", ["rows", vocabSize]);
}

/** The residual stream between two sublayers; `delta` is not yet added, so that the next norm can do it in the same kernel. */
interface Stream {
  delta: Value | undefined;
  residual: Value;
}

interface Shared {
  lastPositions: Value;
  totalLength: Value;
  cos: Value;
  sin: Value;
}

async function addLayer(
  config: LlamaConfig,
  weights: Weights,
  precisions: LlamaPrecisions,
  shared: Shared,
  layer: number,
  stream: Stream,
  keep: Value | undefined,
): Promise<Stream> {
  const { hiddenSize, ffnSize, heads, kvHeads, headDim } = config;
  const from = `model.layers.${layer}`;
  const linear = (name: string, input: Value, parts: readonly [string, number][], columns: number) => {
    const matrices = parts.map(([part, rows]) => ({ tensor: `${from}.${part}.weight`, rows }));
    return addLinear(weights, `layer${layer}.${name}`, input, matrices, columns, precisions.linear);
  };
  const before = await addNorm(config, weights, `layer${layer}.norm1`, `${from}.input_layernorm.weight`, stream);
  const qkvParts: [string, number][] = [
    ["self_attn.q_proj", heads * headDim],
    ["self_attn.k_proj", kvHeads * headDim],
    ["self_attn.v_proj", kvHeads * headDim],
  ];
  const qkv = await linear("qkv", before.normed, qkvParts, hiddenSize);
  let attended = addAttention(config, weights, shared, layer, qkv);
  let residual = before.residual;
  if (keep !== undefined) {
    // Nothing after the last layer's attention looks at other positions: drop those nobody asked for.
    attended = addGatherRows(weights, `layer${layer}.kept`, attended, heads * headDim, keep);
    residual = addGatherRows(weights, `layer${layer}.kept_residual`, residual, hiddenSize, keep);
  }
  const projected = await linear("o", attended, [["self_attn.o_proj", hiddenSize]], heads * headDim);
  const after = await addNorm(config, weights, `layer${layer}.norm2`, `${from}.post_attention_layernorm.weight`, {
    delta: projected,
    residual,
  });
  const gate = await linear("gate", after.normed, [["mlp.gate_proj", ffnSize]], hiddenSize);
  const up = await linear("up", after.normed, [["mlp.up_proj", ffnSize]], hiddenSize);
  // QuickGelu with alpha 1 is x * sigmoid(x): SiLU in one kernel.
  const options = { domain: CONTRIB, attributes: { alpha: { float: 1 } } };
  const activated = weights.graph.node(`layer${layer}.silu`, "QuickGelu", [gate], options);
  const gated = weights.graph.node(`layer${layer}.gated`, "Mul", [activated, up]);
  const scaled = precisions.linear === "int8" ? scaleRows(weights, `layer${layer}.gated`, gated) : undefined;
  const down = await linear("down", scaled?.rows ?? gated, [["mlp.down_proj", hiddenSize]], ffnSize);
  const delta = scaled === undefined ? down : weights.graph.node(`layer${layer}.unscaled`, "Mul", [down, scaled.sizes]);
  return { delta, residual: after.residual };
}

/** Rotates, appends to the cache in place and attends, all in one kernel: [batch, length, q + k + v] -> [batch, length, q]. */
function addAttention(config: LlamaConfig, { graph }: Weights, shared: Shared, layer: number, qkv: Value): Value {
  const dims = ["batch", config.kvHeads, "context", config.headDim];
  const names = LLAMA_VALUES;
  const pastKey = graph.input(names.pastKey(layer), "float32", dims);
  const pastValue = graph.input(names.pastValue(layer), "float32", dims);
  graph.output(names.presentKey(layer), "float32", dims);
  graph.output(names.presentValue(layer), "float32", dims);
  const { lastPositions, totalLength, cos, sin } = shared;
  const inputs = [qkv, "", "", pastKey, pastValue, lastPositions, totalLength, cos, sin];
  return graph.node(`layer${layer}.attention`, "GroupQueryAttention", inputs, {
    domain: CONTRIB,
    attributes: { num_heads: config.heads, kv_num_heads: config.kvHeads, do_rotary: 1, rotary_interleaved: 0 },
    outputs: [`layer${layer}.attention`, names.presentKey(layer), names.presentValue(layer)],
  });
}

/** Smaller rows than this are as good as zero; it keeps a row of zeros from dividing by zero. */
const SMALLEST_ROW = 1e-12;

/**
 * Divides each row by its largest magnitude. DynamicQuantizeMatMul has one activation scale for all rows together; what goes into
 * the down projection differs by orders of magnitude between tokens, so that one token would drown the rest of its chunk or batch
 * (the starter's perplexity rises by 0.8% without this and by 0.1% with it).
 */
function scaleRows({ graph }: Weights, name: string, input: Value): { rows: Value; sizes: Value } {
  const magnitudes = graph.node(`${name}.abs`, "Abs", [input]);
  const largest = graph.node(`${name}.max`, "ReduceMax", [magnitudes, graph.shape("last_axis", [-1])]);
  const sizes = graph.node(`${name}.size`, "Max", [largest, graph.scalar("smallest_row", SMALLEST_ROW)]);
  return { rows: graph.node(`${name}.rows`, "Div", [input, sizes]), sizes };
}

/** Rows `wanted` of a value [batch, length, size], seen as [batch x length, size]. */
function addGatherRows({ graph }: Weights, name: string, input: Value, size: number, wanted: Value): Value {
  const flat = graph.node(`${name}.flat`, "Reshape", [input, graph.shape(`rows_of_${size}`, [-1, size])]);
  return graph.node(name, "Gather", [flat, wanted]);
}

/** RMSNorm (arXiv:1910.07467) of residual + delta; also gives that sum. */
async function addNorm(config: LlamaConfig, weights: Weights, name: string, gainTensor: string, stream: Stream) {
  const gain = await addVector(weights, gainTensor, config.hiddenSize);
  const epsilon = { float: config.normEpsilon };
  if (stream.delta === undefined) {
    const options = { attributes: { axis: -1, epsilon } };
    const normed = weights.graph.node(name, "SimplifiedLayerNormalization", [stream.residual, gain], options);
    return { normed, residual: stream.residual };
  }
  const sum = `${name}.sum`;
  const normed = weights.graph.node(name, "SkipSimplifiedLayerNormalization", [stream.delta, stream.residual, gain], {
    domain: CONTRIB,
    attributes: { epsilon },
    outputs: [name, "", "", sum],
  });
  return { normed, residual: sum };
}

async function addRopeCaches(config: LlamaConfig, { graph, file }: Weights): Promise<{ cos: Value; sin: Value }> {
  const caches = ropeCaches(config);
  const dims = [config.maxPositions, config.headDim / 2];
  return {
    cos: await file.add(graph, "rope.cos", caches.cos, dims),
    sin: await file.add(graph, "rope.sin", caches.sin, dims),
  };
}

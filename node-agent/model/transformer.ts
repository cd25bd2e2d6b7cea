import type { Quantization } from "../../shared/inference/model.ts";
import type { Value } from "../runtime/graph-builder.ts";
import { addAttention } from "./attention.ts";
import type { ModelConfig } from "./config.ts";
import { addFeedForward } from "./feed-forward.ts";
import { GRAPH_VALUES, type Shared, type Stream } from "./graph-values.ts";
import { addBiases, addLinear, type Precision, type Weights } from "./linear.ts";
import { addMixtureOfExperts } from "./mixture-of-experts.ts";
import { addNorm, addStreamNorm } from "./norm.ts";
import { ropeCaches, ropeStages } from "./rope.ts";
import { addEmbedding } from "./token-table.ts";

/** How each part of the model is held. */
export interface Precisions {
  linear: Precision;
  output: Precision;
  embedding: Precision;
}

/**
 * The precisions that make up a quantisation. With 4-bit layers the output projection keeps 8 bits: on the starter that takes half
 * of the damage away (perplexity +1.0% instead of +1.7%) for a twentieth more bytes per token in a model of a billion. The embedding in
 * 8 bits is as good as exact (+0.02%) and a quarter of the size.
 * @param own what the files were quantised to, tensor by tensor, if they were: asked for the same, they run as they are
 */
export function precisionsOf(quantization: Quantization, own?: Quantization): Precisions {
  if (quantization === own) return { linear: "stored", output: "stored", embedding: "stored" };
  if (quantization === "fp32") return { linear: "fp32", output: "fp32", embedding: "fp32" };
  return { linear: quantization, output: "int8", embedding: "int8" };
}

/** Weights that the graph reads, but for the few in norms of heads and biases; a tied embedding counts twice since it is converted twice. */
export function weightCount(config: ModelConfig): number {
  const { hiddenSize, ffnSize, heads, kvHeads, headDim } = config;
  const layer = hiddenSize * headDim * (2 * heads + 2 * kvHeads) + 2 * hiddenSize;
  const { experts } = config;
  const sparse = experts?.layers.filter(Boolean).length ?? 0;
  const widths = (config.layers - sparse) * ffnSize + sparse * (experts?.count ?? 0) * (experts?.ffnSize ?? 0);
  return config.layers * layer + 3 * hiddenSize * widths + 2 * config.vocabSize * hiddenSize + hiddenSize;
}

/**
 * Builds the graph of a decoder-only transformer (Touvron et al., arXiv:2302.13971; grouped-query attention, arXiv:2305.13245) into
 * `weights.graph`, converting its weights on the way. Throws `model_load_failed` if a tensor is missing or has another shape.
 * @param end what comes out for the wanted positions: logits, or the last layer's states after their norm
 */
export async function buildTransformer(
  config: ModelConfig,
  weights: Weights,
  precisions: Precisions,
  end: "logits" | "states" = "logits",
): Promise<void> {
  const { graph } = weights;
  const { hiddenSize, vocabSize } = config;
  const names = GRAPH_VALUES;
  graph.withoutResult();
  const tokens = graph.input(names.tokens, "int32", ["batch", "length"]);
  const wanted = graph.input(names.wanted, "int32", ["rows"]);
  const shared = {
    lastPositions: graph.input(names.lastPositions, "int32", ["batch"]),
    totalLength: graph.input(names.totalLength, "int32", [1]),
    tableRows: ropeStages(config).length > 1 ? graph.input(names.tableRows, "int64", ["batch", "length"]) : undefined,
    ropes: await addRopeCaches(config, weights),
  };
  const table = { from: `${config.tensorPrefix}model.embed_tokens`, rows: vocabSize };
  const embedded = await addEmbedding(weights, "embedding", tokens, table, hiddenSize, precisions.embedding);
  let stream: Stream = { delta: undefined, residual: scaleEmbedding(config, weights, embedded) };
  for (let layer = 0; layer < config.layers; layer++) {
    const keep = layer === config.layers - 1 ? wanted : undefined;
    stream = await addLayer(config, weights, precisions, shared, layer, stream, keep);
  }
  const { normed } = await addStreamNorm(
    config,
    weights,
    end === "states" ? names.states : "final_norm",
    `${config.tensorPrefix}model.norm.weight`,
    stream,
  );
  if (end === "states") return graph.output(names.states, "float32", ["rows", hiddenSize]);
  const head = config.tiedEmbeddings ? table : { from: `${config.tensorPrefix}lm_head`, rows: vocabSize };
  const cap = config.logitSoftcap;
  const name = cap === undefined ? names.logits : `${names.logits}.uncapped`;
  const logits = await addLinear(weights, name, normed, [head], hiddenSize, precisions.output);
  if (cap !== undefined) addSoftcap(weights, names.logits, logits, cap);
  graph.output(names.logits, "float32", ["rows", vocabSize]);
}

/** Adds layer `layer` to the graph; with `keep`, only those positions go on after its attention. */
export async function addLayer(
  config: ModelConfig,
  weights: Weights,
  precisions: Precisions,
  shared: Shared,
  layer: number,
  stream: Stream,
  keep: Value | undefined,
): Promise<Stream> {
  const { hiddenSize } = config;
  const width = config.heads * config.headDim;
  const from = `${config.tensorPrefix}model.layers.${layer}`;
  const before = await addStreamNorm(config, weights, `layer${layer}.norm1`, `${from}.input_layernorm.weight`, stream);
  let attended = await addAttention(config, weights, precisions.linear, shared, layer, before.normed);
  let { residual } = before;
  if (keep !== undefined) {
    // Nothing after the last layer's attention looks at other positions: drop those nobody asked for.
    attended = addGatherRows(weights, `layer${layer}.kept`, attended, width, keep);
    residual = addGatherRows(weights, `layer${layer}.kept_residual`, residual, hiddenSize, keep);
  }
  const output = [{ from: `${from}.self_attn.o_proj`, rows: hiddenSize }];
  const projected = await addLinear(weights, `layer${layer}.o`, attended, output, width, precisions.linear);
  const biased = config.biases.output ? await addBiases(weights, `layer${layer}.o`, projected, output) : projected;
  const postNorm = (name: string, tensor: string, value: Value) =>
    config.postNorms
      ? addNorm(config, weights, `layer${layer}.${name}`, `${from}.${tensor}.weight`, value, hiddenSize)
      : value;
  const delta = await postNorm("post_norm1", "post_attention_layernorm", biased);
  // The norm before the feed-forward layer is named by what it comes after, unless that has a norm of its own.
  const gain = config.postNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm";
  const after = await addStreamNorm(config, weights, `layer${layer}.norm2`, `${from}.${gain}.weight`, {
    delta,
    residual,
  });
  const { experts } = config;
  const fed =
    experts?.layers[layer] === true
      ? await addMixtureOfExperts(config, experts, weights, precisions.linear, layer, after.normed)
      : await addFeedForward(config, weights, precisions.linear, layer, after.normed);
  return { delta: await postNorm("post_norm2", "post_feedforward_layernorm", fed), residual: after.residual };
}

/** Rows `wanted` of a value [batch, length, size], seen as [batch x length, size]. */
function addGatherRows({ graph }: Weights, name: string, input: Value, size: number, wanted: Value): Value {
  const flat = graph.node(`${name}.flat`, "Reshape", [input, graph.shape(`rows_of_${size}`, [-1, size])]);
  return graph.node(name, "Gather", [flat, wanted]);
}

function scaleEmbedding({ embeddingScale }: ModelConfig, { graph }: Weights, embedded: Value): Value {
  if (embeddingScale === 1) return embedded;
  return graph.node("embedding.scaled", "Mul", [embedded, graph.scalar("embedding_scale", embeddingScale)]);
}

/** cap * tanh(x / cap). */
function addSoftcap({ graph }: Weights, name: string, input: Value, cap: number): Value {
  const size = graph.scalar("logit_softcap", cap);
  const small = graph.node(`${name}.small`, "Div", [input, size]);
  return graph.node(name, "Mul", [graph.node(`${name}.tanh`, "Tanh", [small]), size]);
}

/** Adds the tables of the rotary embeddings, for every position there can be; those of each stage follow the ones before. */
export async function addRopeCaches(config: ModelConfig, { graph, file }: Weights): Promise<Shared["ropes"]> {
  const stages = ropeStages(config);
  const rows = stages.reduce((sum, end) => sum + end, 0);
  const added = [];
  for (const [i, rope] of config.ropes.entries()) {
    const width = rope.rotaryDim / 2;
    const [cosines, sines] = [new Float32Array(rows * width), new Float32Array(rows * width)];
    let at = 0;
    for (const end of stages) {
      const { cos, sin } = ropeCaches(rope, end);
      cosines.set(cos, at);
      sines.set(sin, at);
      at += cos.length;
    }
    const cos = await file.add(graph, `rope${i}.cos`, cosines, [rows, width]);
    added.push({ cos, sin: await file.add(graph, `rope${i}.sin`, sines, [rows, width]) });
  }
  return added;
}

import { CONTRIB, GraphBuilder, type Value } from "../../../node-agent/runtime/graph-builder.ts";
import type { ElementType } from "../../../node-agent/runtime/onnx-proto.ts";
import type { readUseLiteWeights, UseLiteTensor } from "./weights.ts";

type Weights = Awaited<ReturnType<typeof readUseLiteWeights>>;

const HEADS = 4;
const SIZES = [256, 512] as const;
const EPSILON = 1e-6;
/** Positions that the model was trained for. */
export const USE_LITE_POSITIONS = 128;

/** Builds the model as one graph. */
class UseLiteGraph {
  readonly graph = new GraphBuilder();
  readonly #weights: Weights;

  constructor(weights: Weights) {
    this.#weights = weights;
  }

  constant(name: string, ending: string, shape?: readonly number[]): Value {
    const tensor = this.#weights(ending);
    return this.inline(name, "float32", shape ?? tensor.shape, tensor.values);
  }

  inline(name: string, type: ElementType, dims: readonly number[], data: UseLiteTensor["values"]): Value {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.graph.initializer(name, type, dims, { kind: "inline", bytes });
  }

  dense(name: string, input: Value, kernel: string, bias: string, dims: readonly number[]): Value {
    const product = this.graph.node(`${name}.product`, "MatMul", [
      input,
      this.constant(`${name}.kernel`, kernel, dims),
    ]);
    return this.graph.node(name, "Add", [product, this.constant(`${name}.bias`, bias)]);
  }

  norm(name: string, input: Value, from: string): Value {
    const gain = this.constant(`${name}.gain`, `${from}/layer_norm/layer_norm_scale/ConcatPartitions/concat`);
    const bias = this.constant(`${name}.shift`, `${from}/layer_norm/layer_norm_bias/ConcatPartitions/concat`);
    const attributes = { axis: -1, epsilon: { float: EPSILON } };
    return this.graph.node(name, "LayerNormalization", [input, gain, bias], { attributes });
  }
}

/**
 * Universal Sentence Encoder lite as ONNX bytes: int64 `input_ids` and `attention_mask` [texts, length] -> float32 `sentence_embedding`
 * [texts, 512]. Two layers of a transformer with its norms first; the mean of what comes out goes through a dense layer with tanh.
 */
export function buildUseLite(weights: Weights): Uint8Array {
  const use = new UseLiteGraph(weights);
  const { graph } = use;
  const ids = graph.input("input_ids", "int64", ["texts", "length"]);
  const mask64 = graph.input("attention_mask", "int64", ["texts", "length"]);
  const mask = graph.node("mask", "Cast", [mask64], { attributes: { to: 6 } });
  const table = use.constant("embedding.table", "module/Embeddings_en");
  const embedded = graph.node("embedded", "Gather", [table, ids]);
  // The original adds the signal to the embedding, and the embedding to that.
  const twice = graph.node("embedded.twice", "Add", [embedded, embedded]);
  let stream = graph.node("placed", "Add", [twice, addSignal(use, weights, mask64)]);
  for (const layer of [0, 1] as const) stream = addLayer(use, layer, stream, mask);
  const mean = addMean(use, stream, mask64);
  const dense = use.dense("dense", mean, "tanh_layer_0/weights", "tanh_layer_0/bias", [512, 512]);
  const squashed = graph.node("squashed", "Tanh", [dense]);
  const length = graph.node("squashed.length", "ReduceL2", [squashed, graph.shape("last_axis", [-1])], {
    attributes: { keepdims: 1 },
  });
  graph.node("sentence_embedding", "Div", [squashed, length]);
  graph.output("sentence_embedding", "float32", ["texts", 512]);
  return graph.encode();
}

/** sin and cos of each position at each frequency: rows of a table [positions, 256], as many as the texts are long. */
function addSignal(use: UseLiteGraph, weights: Weights, mask: Value): Value {
  const { graph } = use;
  const frequencies = weights("AddTimingSignal/TimingSignal/ExpandDims_1").values;
  const table = new Float32Array(USE_LITE_POSITIONS * SIZES[0]);
  for (let position = 0; position < USE_LITE_POSITIONS; position++) {
    for (const [i, frequency] of frequencies.entries()) {
      table[position * SIZES[0] + i] = Math.sin(Math.fround(position * frequency));
      table[position * SIZES[0] + frequencies.length + i] = Math.cos(Math.fround(position * frequency));
    }
  }
  const signal = use.inline("signal.table", "float32", [USE_LITE_POSITIONS, SIZES[0]], table);
  const shape = graph.node("texts.shape", "Shape", [mask]);
  const length = graph.node("texts.length", "Gather", [shape, graph.shape("second", [1])]);
  return graph.node("signal", "Slice", [signal, graph.shape("start", [0]), length, graph.shape("first_axis", [0])]);
}

function addLayer(use: UseLiteGraph, layer: 0 | 1, stream: Value, mask: Value): Value {
  const { graph } = use;
  const size = SIZES[layer];
  const from = `Encode/Layer_${layer}/TransformerLayer`;
  const at = (name: string) => `layer${layer}.${name}`;
  const normed = use.norm(at("norm1"), stream, `${from}/layer_prepostprocess`);
  const qkvFrom = `${from}/MultiheadAttention/qkv_transform_single`;
  const qkv = use.dense(at("qkv"), normed, `${qkvFrom}/kernel/part_0`, `${qkvFrom}/bias/ConcatPartitions/concat`, [
    size,
    3 * size,
  ]);
  const outputs = ["q", "k", "v"].map(at);
  graph.node(at("split"), "Split", [qkv, graph.shape(at("sizes"), [size, size, size])], {
    attributes: { axis: -1 },
    outputs,
  });
  const attended = graph.node(at("attention"), "MultiHeadAttention", [...outputs, "", mask], {
    domain: CONTRIB,
    attributes: { num_heads: HEADS },
  });
  const outFrom = `${from}/MultiheadAttention/output_transform_single`;
  const out = use.dense(at("o"), attended, `${outFrom}/kernel/part_0`, `${outFrom}/bias/ConcatPartitions/concat`, [
    size,
    512,
  ]);
  // The first layer doubles the size of the stream.
  const residual =
    layer === 1
      ? stream
      : use.dense(
          at("residual"),
          stream,
          `${from}/dense/kernel/ConcatPartitions/concat`,
          `${from}/dense/bias/ConcatPartitions/concat`,
          [256, 512],
        );
  const middle = graph.node(at("middle"), "Add", [out, residual]);
  const fed = use.norm(at("norm2"), middle, `${from}/FFN/layer_prepostprocess`);
  const kernel = (name: string) => `Layer_${layer}/TransformerLayer/FFN/${name}/Tensordot/Reshape_1`;
  const bias = (name: string) => `${from}/FFN/${name}/bias/ConcatPartitions/concat`;
  const up = use.dense(at("up"), fed, kernel("conv1"), bias("conv1"), [512, 1536]);
  const down = use.dense(at("down"), graph.node(at("relu"), "Relu", [up]), kernel("conv2"), bias("conv2"), [1536, 512]);
  return graph.node(at("out"), "Add", [down, middle]);
}

/** The mean of each text's tokens. */
function addMean(use: UseLiteGraph, stream: Value, mask64: Value): Value {
  const { graph } = use;
  const mask = graph.node("mask.float", "Cast", [mask64], { attributes: { to: 1 } });
  const column = graph.node("mask.column", "Unsqueeze", [mask, graph.shape("last_axis", [-1])]);
  const tokens = graph.node("tokens", "Mul", [stream, column]);
  const axis = graph.shape("second", [1]);
  const sum = graph.node("sum", "ReduceSum", [tokens, axis], { attributes: { keepdims: 0 } });
  const count = graph.node("count", "ReduceSum", [mask, axis], { attributes: { keepdims: 1 } });
  return graph.node("mean", "Div", [sum, count]);
}

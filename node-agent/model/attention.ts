import { CONTRIB, type Value } from "../runtime/graph-builder.ts";
import type { Attribute } from "../runtime/onnx-proto.ts";
import type { ModelConfig } from "./config.ts";
import { GRAPH_VALUES, type Shared } from "./graph-values.ts";
import { addBiases, addLinear, type Part, type Precision, type Weights } from "./linear.ts";
import { addNorm } from "./norm.ts";

/** Projects to queries, keys and values and attends: [batch, length, hidden] -> [batch, length, heads x head size]. */
export async function addAttention(
  config: ModelConfig,
  weights: Weights,
  precision: Precision,
  shared: Shared,
  layer: number,
  input: Value,
): Promise<Value> {
  const { heads, kvHeads, headDim } = config;
  const from = `${config.tensorPrefix}model.layers.${layer}.self_attn`;
  const [q, kv] = [heads * headDim, kvHeads * headDim];
  const parts: Part[] = config.fusedProjections
    ? [{ from: `${from}.qkv_proj`, rows: q + 2 * kv }]
    : [
        { from: `${from}.q_proj`, rows: q },
        { from: `${from}.k_proj`, rows: kv },
        { from: `${from}.v_proj`, rows: kv },
      ];
  const name = `layer${layer}.qkv`;
  const product = await addLinear(weights, name, input, parts, config.hiddenSize, precision);
  const packed = config.biases.qkv ? await addBiases(weights, name, product, parts) : product;
  const inputs = config.qkNorm ? await addQkNorms(config, weights, layer, packed) : [packed, "", ""];
  return addGroupedAttention(config, weights, shared, layer, inputs);
}

/** Takes queries, keys and values apart and normalises each head's query and key. */
async function addQkNorms(config: ModelConfig, weights: Weights, layer: number, packed: Value): Promise<Value[]> {
  const { graph } = weights;
  const { heads, kvHeads, headDim } = config;
  const [q, kv] = [heads * headDim, kvHeads * headDim];
  const outputs = ["q", "k", "v"].map((part) => `layer${layer}.${part}`);
  const sizes = graph.shape("qkv_sizes", [q, kv, kv]);
  graph.node(`layer${layer}.split`, "Split", [packed, sizes], { attributes: { axis: -1 }, outputs });
  const normed = async (part: "q" | "k", count: number) => {
    const name = `layer${layer}.${part}`;
    const apart = graph.node(`${name}.heads`, "Reshape", [name, graph.shape(`${part}_heads`, [0, 0, count, headDim])]);
    const gain = `${config.tensorPrefix}model.layers.${layer}.self_attn.${part}_norm.weight`;
    const rows = await addNorm(config, weights, `${name}.norm`, gain, apart, headDim);
    return graph.node(`${name}.normed`, "Reshape", [rows, graph.shape(`${part}_row`, [0, 0, count * headDim])]);
  };
  return [await normed("q", heads), await normed("k", kvHeads), `layer${layer}.v`];
}

/** Names of the nodes that write into the cache. */
export function attentionNodes({ layers }: ModelConfig): string[] {
  return Array.from({ length: layers }, (_, layer) => nodeName(layer));
}

const nodeName = (layer: number): string => `layer${layer}.attention`;

/** Rotates, appends to the cache in place and attends, all in one kernel. `inputs`: queries, keys and values, or all in the first. */
function addGroupedAttention(
  config: ModelConfig,
  { graph }: Weights,
  shared: Shared,
  layer: number,
  inputs: readonly Value[],
): Value {
  const dims = ["batch", config.kvHeads, "context", config.headDim];
  const names = GRAPH_VALUES;
  const pastKey = graph.input(names.pastKey(layer), "float32", dims);
  const pastValue = graph.input(names.pastValue(layer), "float32", dims);
  graph.output(names.presentKey(layer), "float32", dims);
  graph.output(names.presentValue(layer), "float32", dims);
  const { rope, window } = config.attention[layer] ?? {};
  const tables = rope === undefined ? undefined : shared.ropes[rope];
  const attributes: Record<string, Attribute> = {
    num_heads: config.heads,
    kv_num_heads: config.kvHeads,
    do_rotary: tables === undefined ? 0 : 1,
    rotary_interleaved: 0,
    scale: { float: config.attentionScale },
  };
  if (config.attentionSoftcap !== undefined) attributes["softcap"] = { float: config.attentionSoftcap };
  if (window !== undefined) attributes["local_window_size"] = window;
  const { lastPositions, totalLength, tableRows } = shared;
  const rows = tableRows === undefined ? [] : [tableRows];
  const rotary = tables === undefined ? [] : [tables.cos, tables.sin, ...rows];
  return graph.node(
    nodeName(layer),
    "GroupQueryAttention",
    [...inputs, pastKey, pastValue, lastPositions, totalLength, ...rotary],
    {
      domain: CONTRIB,
      attributes,
      outputs: [nodeName(layer), names.presentKey(layer), names.presentValue(layer)],
    },
  );
}

import { CONTRIB, type Value } from "../runtime/graph-builder.ts";
import type { Activation, ModelConfig } from "./config.ts";
import { addBiases, addLinear, type Part, type Precision, type Weights } from "./linear.ts";

/** A kernel for each activation. QuickGelu with alpha 1 is x * sigmoid(x), SiLU; FastGelu is GELU by its approximation with tanh. */
const ACTIVATION_KERNELS = {
  silu: { op: "QuickGelu", attributes: { alpha: { float: 1 } } },
  gelu_tanh: { op: "FastGelu", attributes: {} },
} as const satisfies Record<Activation, object>;

/** The gated feed-forward layer (Shazeer, arXiv:2002.05202): down(activation(gate x) * up x). [..., hidden] -> [..., hidden]. */
export async function addFeedForward(
  config: ModelConfig,
  weights: Weights,
  precision: Precision,
  layer: number,
  input: Value,
): Promise<Value> {
  const { graph } = weights;
  const { hiddenSize, ffnSize } = config;
  const from = `${config.tensorPrefix}model.layers.${layer}.mlp`;
  const inward = async (part: "gate" | "up") => {
    const name = `layer${layer}.${part}`;
    const matrix: Part = config.fusedProjections
      ? { from: `${from}.gate_up_proj`, rows: ffnSize, first: part === "gate" ? 0 : ffnSize, of: 2 * ffnSize }
      : { from: `${from}.${part}_proj`, rows: ffnSize };
    const product = await addLinear(weights, name, input, [matrix], hiddenSize, precision);
    return config.biases.mlp ? await addBiases(weights, name, product, [matrix]) : product;
  };
  const gate = await inward("gate");
  const up = await inward("up");
  const { op, attributes } = ACTIVATION_KERNELS[config.activation];
  const activated = graph.node(`layer${layer}.activated`, op, [gate], { domain: CONTRIB, attributes });
  const gated = graph.node(`layer${layer}.gated`, "Mul", [activated, up]);
  const name = `layer${layer}.down`;
  const matrix = { from: `${from}.down_proj`, rows: hiddenSize };
  const down = await addLinear(weights, name, gated, [matrix], ffnSize, precision, { unevenRows: true });
  return config.biases.mlp ? await addBiases(weights, name, down, [matrix]) : down;
}

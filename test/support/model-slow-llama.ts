import type { ModelConfig } from "../../node-agent/model/config.ts";

/** Weights by the names they have in a Hugging Face file, row-major [out, in]. */
export type LlamaWeights = ReadonlyMap<string, Float32Array>;

/**
 * A Llama computed in the plainest way, in float64 and without a cache: what the fast one is compared with. Returns the logits after the
 * last token.
 */
export function slowLlama(config: ModelConfig, weights: LlamaWeights, tokens: readonly number[]): Float64Array {
  const get = (name: string): Float32Array => {
    const tensor = weights.get(name);
    if (tensor === undefined) throw new Error(`No tensor ${name}.`);
    return tensor;
  };
  const { hiddenSize: size } = config;
  const table = get("model.embed_tokens.weight");
  const stream = tokens.map((token) => Float64Array.from(table.subarray(token * size, (token + 1) * size)));
  for (let layer = 0; layer < config.layers; layer++) {
    const part = (name: string) => get(`model.layers.${layer}.${name}.weight`);
    const normed = stream.map((x) => rmsNorm(x, part("input_layernorm"), config.normEpsilon));
    const project = (name: string) => normed.map((x) => multiply(part(`self_attn.${name}`), x));
    const attended = attend(config, project("q_proj"), project("k_proj"), project("v_proj"));
    for (const [i, x] of stream.entries()) add(x, multiply(part("self_attn.o_proj"), attended[i] ?? x));
    for (const x of stream) {
      const input = rmsNorm(x, part("post_attention_layernorm"), config.normEpsilon);
      const up = multiply(part("mlp.up_proj"), input);
      const gated = multiply(part("mlp.gate_proj"), input).map(
        (gate, i) => (gate / (1 + Math.exp(-gate))) * (up[i] ?? 0),
      );
      add(x, multiply(part("mlp.down_proj"), gated));
    }
  }
  const last = rmsNorm(stream.at(-1) ?? new Float64Array(size), get("model.norm.weight"), config.normEpsilon);
  return multiply(config.tiedEmbeddings ? table : get("lm_head.weight"), last);
}

function attend(config: ModelConfig, q: Float64Array[], k: Float64Array[], v: Float64Array[]): Float64Array[] {
  const { heads, kvHeads, headDim } = config;
  const head = (x: Float64Array | undefined, i: number) =>
    (x ?? new Float64Array()).subarray(i * headDim, (i + 1) * headDim);
  for (const [position, x] of q.entries())
    for (let h = 0; h < heads; h++) rotate(head(x, h), position, config.ropes[0]?.theta ?? 0);
  for (const [position, x] of k.entries())
    for (let h = 0; h < kvHeads; h++) rotate(head(x, h), position, config.ropes[0]?.theta ?? 0);
  return q.map((query, position) => {
    const out = new Float64Array(heads * headDim);
    for (let h = 0; h < heads; h++) {
      const group = Math.floor(h / (heads / kvHeads));
      const seen = k.slice(0, position + 1);
      const scores = seen.map((key) => dot(head(query, h), head(key, group)) / Math.sqrt(headDim));
      const top = Math.max(...scores);
      const shares = scores.map((score) => Math.exp(score - top));
      const sum = shares.reduce((a, b) => a + b, 0);
      const mine = out.subarray(h * headDim, (h + 1) * headDim);
      for (const [i, share] of shares.entries())
        add(
          mine,
          head(v[i], group).map((value) => (value * share) / sum),
        );
    }
    return out;
  });
}

/** Turns pairs (i, i + half) of a head. */
function rotate(x: Float64Array, position: number, theta: number): void {
  const half = x.length / 2;
  for (let i = 0; i < half; i++) {
    const angle = position * theta ** ((-2 * i) / x.length);
    const [a, b] = [x[i] ?? 0, x[i + half] ?? 0];
    x[i] = a * Math.cos(angle) - b * Math.sin(angle);
    x[i + half] = b * Math.cos(angle) + a * Math.sin(angle);
  }
}

function rmsNorm(x: Float64Array, gain: Float32Array, epsilon: number): Float64Array {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + epsilon);
  return x.map((value, i) => value * scale * (gain[i] ?? 0));
}

function multiply(matrix: Float32Array, x: Float64Array): Float64Array {
  const rows = matrix.length / x.length;
  return Float64Array.from({ length: rows }, (_, row) => dot(matrix.subarray(row * x.length, (row + 1) * x.length), x));
}

function dot(a: Float32Array | Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < b.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function add(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i] = (x[i] ?? 0) + (y[i] ?? 0);
}

import { type SlowConfig, slowRope } from "./model-slow-rope.ts";

/** Weights by the names they have in a Hugging Face file, row-major [out, in]. */
export type SlowWeights = ReadonlyMap<string, Float32Array>;

/**
 * A decoder-only transformer computed in the plainest way, from config.json as it is written, in float64 and without a cache: what the fast
 * one is compared with. Returns the logits after every token.
 */
export function slowModel(config: SlowConfig, weights: SlowWeights, tokens: readonly number[]): Float64Array[] {
  const gemma = isGemma(config);
  const { hidden_size: size, rms_norm_eps: epsilon } = config;
  const get = (name: string): Float32Array => {
    const tensor = weights.get(name);
    if (tensor === undefined) throw new Error(`No tensor ${name}.`);
    return tensor;
  };
  const norm = (name: string, x: Float64Array) => {
    const gains = get(`${name}.weight`);
    const scale = 1 / Math.sqrt(dot(x, x) / x.length + epsilon);
    return x.map((value, i) => value * scale * ((gains[i] ?? 0) + (gemma ? 1 : 0)));
  };
  const linear = (name: string, x: Float64Array) => {
    const bias = weights.get(`${name}.bias`);
    return multiply(get(`${name}.weight`), x).map((value, i) => value + (bias === undefined ? 0 : (bias[i] ?? 0)));
  };
  const table = get("model.embed_tokens.weight");
  const stream = tokens.map((token) =>
    Float64Array.from(table.subarray(token * size, (token + 1) * size), (x) => x * (gemma ? Math.sqrt(size) : 1)),
  );
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const from = `model.layers.${layer}`;
    const sandwich = weights.has(`${from}.pre_feedforward_layernorm.weight`);
    const heads = stream.map((x) =>
      queryKeyValue(config, weights, layer, norm(`${from}.input_layernorm`, x), norm, linear),
    );
    const attended = attend(config, layer, heads);
    for (const [i, x] of stream.entries()) {
      const out = linear(`${from}.self_attn.o_proj`, attended[i] ?? x);
      add(x, sandwich ? norm(`${from}.post_attention_layernorm`, out) : out);
      const input = norm(`${from}.${sandwich ? "pre_feedforward" : "post_attention"}_layernorm`, x);
      const fed = weights.has(`${from}.mlp.gate.weight`)
        ? mixture(config, `${from}.mlp`, input, linear)
        : feedForward(weights, from, input, linear, gemma);
      add(x, sandwich ? norm(`${from}.post_feedforward_layernorm`, fed) : fed);
    }
  }
  const head = config.tie_word_embeddings === true ? table : get("lm_head.weight");
  return stream.map((x) =>
    multiply(head, norm("model.norm", x)).map((logit) => cap(logit, config.final_logit_softcapping)),
  );
}

const isGemma = ({ architectures }: SlowConfig) => architectures[0]?.startsWith("Gemma") === true;

type Linear = (name: string, x: Float64Array) => Float64Array;

/** Queries, keys and values of one position, each as heads, before rotation. */
function queryKeyValue(
  config: SlowConfig,
  weights: SlowWeights,
  layer: number,
  x: Float64Array,
  norm: Linear,
  linear: Linear,
): { q: Float64Array[]; k: Float64Array[]; v: Float64Array[] } {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: dim } = config;
  const from = `model.layers.${layer}.self_attn`;
  const fused = weights.has(`${from}.qkv_proj.weight`);
  const all = fused
    ? linear(`${from}.qkv_proj`, x)
    : Float64Array.from(["q", "k", "v"].flatMap((part) => [...linear(`${from}.${part}_proj`, x)]));
  const cut = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => all.slice((first + i) * dim, (first + i + 1) * dim));
  const normed = (part: string, rows: Float64Array[]) =>
    weights.has(`${from}.${part}_norm.weight`) ? rows.map((row) => norm(`${from}.${part}_norm`, row)) : rows;
  return { q: normed("q", cut(0, heads)), k: normed("k", cut(heads, kvHeads)), v: cut(heads + kvHeads, kvHeads) };
}

function attend(config: SlowConfig, layer: number, rows: ReturnType<typeof queryKeyValue>[]): Float64Array[] {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: dim } = config;
  const scale = 1 / Math.sqrt(config.query_pre_attn_scalar ?? dim);
  const window = windowOf(config, layer);
  for (const [position, { q, k }] of rows.entries())
    for (const head of [...q, ...k]) rotate(config, layer, head, position, rows.length);
  return rows.map(({ q }, position) => {
    const out = new Float64Array(heads * dim);
    for (const [h, query] of q.entries()) {
      const group = Math.floor(h / (heads / kvHeads));
      const seen = rows.slice(Math.max(0, position + 1 - window), position + 1);
      const scores = seen.map(({ k }) => cap(dot(query, k[group] ?? query) * scale, config.attn_logit_softcapping));
      const shares = scores.map((score) => Math.exp(score));
      const sum = shares.reduce((a, b) => a + b, 0);
      for (const [i, { v }] of seen.entries()) {
        const weighted = (v[group] ?? query).map((value) => (value * (shares[i] ?? 0)) / sum);
        add(out.subarray(h * dim, (h + 1) * dim), weighted);
      }
    }
    return out;
  });
}

/** Positions a layer sees, its own included, by each model's own rule. */
function windowOf(config: SlowConfig, layer: number): number {
  const window = config.sliding_window ?? Number.POSITIVE_INFINITY;
  const slides = (): boolean => {
    if (config.layer_types !== undefined) return config.layer_types[layer] === "sliding_attention";
    switch (config.architectures[0]) {
      case "MistralForCausalLM":
      case "Phi3ForCausalLM":
        return true;
      case "Qwen2ForCausalLM":
      case "Qwen3ForCausalLM":
      case "Qwen3MoeForCausalLM":
        return config.use_sliding_window === true && layer >= (config.max_window_layers ?? 0);
      case "Gemma2ForCausalLM":
        return layer % 2 === 0;
      case "Gemma3ForCausalLM":
        return (layer + 1) % (config.sliding_window_pattern ?? 6) !== 0;
      case undefined:
      default:
        return false;
    }
  };
  return slides() ? window : Number.POSITIVE_INFINITY;
}

/** Turns pairs (i, i + half) of the rotated part of a head, in a sequence of `length` tokens. */
function rotate(config: SlowConfig, layer: number, x: Float64Array, position: number, length: number): void {
  if (config.no_rope_layers?.[layer] === 0) return;
  const local = config.rope_local_base_freq !== undefined && windowOf(config, layer) !== Number.POSITIVE_INFINITY;
  const rotaryDim = x.length * (config.partial_rotary_factor ?? 1);
  const { angles, gain } = local
    ? slowRope({ ...config, rope_scaling: {} }, config.rope_local_base_freq ?? 0, rotaryDim)
    : slowRope(config, config.rope_theta, rotaryDim, length);
  for (const [i, perPosition] of angles.entries()) {
    const angle = position * perPosition;
    const [a, b] = [x[i] ?? 0, x[i + rotaryDim / 2] ?? 0];
    x[i] = gain * (a * Math.cos(angle) - b * Math.sin(angle));
    x[i + rotaryDim / 2] = gain * (b * Math.cos(angle) + a * Math.sin(angle));
  }
}

function feedForward(weights: SlowWeights, from: string, x: Float64Array, linear: Linear, gelu: boolean): Float64Array {
  const fused = weights.has(`${from}.mlp.gate_up_proj.weight`);
  const both = fused
    ? linear(`${from}.mlp.gate_up_proj`, x)
    : Float64Array.from([...linear(`${from}.mlp.gate_proj`, x), ...linear(`${from}.mlp.up_proj`, x)]);
  const gate = both.slice(0, both.length / 2).map(gelu ? geluTanh : (value) => value / (1 + Math.exp(-value)));
  return linear(
    `${from}.mlp.down_proj`,
    gate.map((value, i) => value * (both[i + both.length / 2] ?? 0)),
  );
}

/** The experts with the largest shares, each weighted by its own. */
function mixture(config: SlowConfig, from: string, x: Float64Array, linear: Linear): Float64Array {
  const exponents = linear(`${from}.gate`, x).map(Math.exp);
  const all = exponents.reduce((sum, value) => sum + value, 0);
  const order = [...exponents.keys()].toSorted((a, b) => (exponents[b] ?? 0) - (exponents[a] ?? 0));
  const chosen = order.slice(0, config.num_experts_per_tok);
  const among = config.norm_topk_prob === true ? chosen.reduce((sum, i) => sum + (exponents[i] ?? 0), 0) : all;
  const out = new Float64Array(x.length);
  for (const expert of chosen) {
    const up = linear(`${from}.experts.${expert}.up_proj`, x);
    const gate = linear(`${from}.experts.${expert}.gate_proj`, x);
    const inner = gate.map((value, i) => (value / (1 + Math.exp(-value))) * (up[i] ?? 0));
    const share = (exponents[expert] ?? 0) / among;
    add(
      out,
      linear(`${from}.experts.${expert}.down_proj`, inner).map((value) => value * share),
    );
  }
  return out;
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function cap(x: number, limit: number | undefined): number {
  return limit === undefined ? x : limit * Math.tanh(x / limit);
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

/** Hugging Face names of the tensors outside of layers, by their GGUF names without `.weight`. */
const OUTER: ReadonlyMap<string, string> = new Map([
  ["token_embd", "model.embed_tokens"],
  ["output_norm", "model.norm"],
  ["output", "lm_head"],
]);

/** The same within a layer. */
const INNER: ReadonlyMap<string, string> = new Map([
  ["attn_norm", "input_layernorm"],
  ["attn_q", "self_attn.q_proj"],
  ["attn_k", "self_attn.k_proj"],
  ["attn_v", "self_attn.v_proj"],
  ["attn_output", "self_attn.o_proj"],
  ["attn_q_norm", "self_attn.q_norm"],
  ["attn_k_norm", "self_attn.k_norm"],
  ["ffn_norm", "post_attention_layernorm"],
  ["ffn_gate", "mlp.gate_proj"],
  ["ffn_up", "mlp.up_proj"],
  ["ffn_down", "mlp.down_proj"],
]);

/** Where Gemma differs: its norms stand before and after both sublayers. */
const GEMMA: ReadonlyMap<string, string> = new Map([
  ["post_attention_norm", "post_attention_layernorm"],
  ["ffn_norm", "pre_feedforward_layernorm"],
  ["post_ffw_norm", "post_feedforward_layernorm"],
]);

const LAYER = /^blk\.(\d{1,5})\.(.+)$/u;

/** The name a tensor has in the Hugging Face files (`blk.0.attn_q.weight`: `model.layers.0.self_attn.q_proj.weight`); undefined if none. */
export function huggingFaceName(name: string, isGemma: boolean): string | undefined {
  const dot = name.lastIndexOf(".");
  const [base, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  if (kind !== "weight" && kind !== "bias") return undefined;
  const [, layer, inner] = LAYER.exec(base) ?? [];
  const mapped = inner === undefined ? OUTER.get(base) : ((isGemma ? GEMMA.get(inner) : undefined) ?? INNER.get(inner));
  if (mapped === undefined) return undefined;
  return layer === undefined ? `${mapped}.${kind}` : `model.layers.${layer}.${mapped}.${kind}`;
}

import type { GgufArchitecture } from "./architectures.ts";

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
  ["ffn_gate_inp", "mlp.gate"],
]);

/** Where Phi-3 differs. */
const FUSED: ReadonlyMap<string, string> = new Map([
  ["attn_qkv", "self_attn.qkv_proj"],
  ["ffn_up", "mlp.gate_up_proj"],
]);

/** Matrices of all experts in one tensor [experts, rows, columns]. */
const EXPERTS = /^blk\.(\d{1,5})\.ffn_(gate|up|down)_exps\.weight$/u;

/** Where Gemma differs: its norms stand before and after both sublayers. */
const GEMMA: ReadonlyMap<string, string> = new Map([
  ["post_attention_norm", "post_attention_layernorm"],
  ["ffn_norm", "pre_feedforward_layernorm"],
  ["post_ffw_norm", "post_feedforward_layernorm"],
]);

const LAYER = /^blk\.(\d{1,5})\.(.+)$/u;

/** The name a tensor has in the Hugging Face files (`blk.0.attn_q.weight`: `model.layers.0.self_attn.q_proj.weight`); undefined if none. */
export function huggingFaceName(
  name: string,
  { gemma, fused }: Pick<GgufArchitecture, "gemma" | "fused">,
): string | undefined {
  const dot = name.lastIndexOf(".");
  const [base, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  if (kind !== "weight" && kind !== "bias") return undefined;
  const [, layer, inner] = LAYER.exec(base) ?? [];
  const mapped =
    inner === undefined
      ? OUTER.get(base)
      : ((gemma ? GEMMA : fused === true ? FUSED : INNER).get(inner) ?? INNER.get(inner));
  if (mapped === undefined) return undefined;
  return layer === undefined ? `${mapped}.${kind}` : `model.layers.${layer}.${mapped}.${kind}`;
}

/** For a tensor that holds a matrix of every expert, the name of each in the Hugging Face files; undefined for another. */
export function expertNames(name: string): ((expert: number) => string) | undefined {
  const [, layer, part] = EXPERTS.exec(name) ?? [];
  if (layer === undefined || part === undefined) return undefined;
  return (expert) => `model.layers.${layer}.mlp.experts.${expert}.${part}_proj.weight`;
}

import type { RawConfig } from "../raw-config.ts";
import type { Architecture, Differences } from "./architecture.ts";

/** What Gemma 2 and 3 share: gains stored less one, norms also after each sublayer, embeddings scaled, a scale of its own. */
export const gemmaDifferences = (raw: RawConfig): Differences => ({
  gainOffset: 1,
  postNorms: true,
  embeddingScale: Math.sqrt(raw.hidden_size),
  attentionScale: (raw.query_pre_attn_scalar ?? 256) ** -0.5,
  attentionSoftcap: raw.attn_logit_softcapping ?? undefined,
  logitSoftcap: raw.final_logit_softcapping ?? undefined,
  biases: { qkv: raw.attention_bias === true, output: raw.attention_bias === true, mlp: false },
});

export const GEMMA_DEFAULTS = {
  num_key_value_heads: 4,
  head_dim: 256,
  hidden_activation: "gelu_pytorch_tanh",
  tie_word_embeddings: true,
  sliding_window: 4096,
  query_pre_attn_scalar: 256,
} as const;

/** Gemma 2 (arXiv:2408.00118): every other layer slides, from the first on; attention scores and logits are soft-capped. */
export const gemma2: Architecture = {
  defaults: {
    ...GEMMA_DEFAULTS,
    max_position_embeddings: 8192,
    attn_logit_softcapping: 50,
    final_logit_softcapping: 30,
  },
  differences: gemmaDifferences,
  slides: (_, layer) => layer % 2 === 0,
};

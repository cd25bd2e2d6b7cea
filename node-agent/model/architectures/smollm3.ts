import type { RawConfig } from "../raw-config.ts";
import type { Architecture } from "./architecture.ts";

/** Every fourth layer, unless the configuration lists them. */
const hasRope = (raw: RawConfig, layer: number): boolean =>
  raw.no_rope_layers == null ? (layer + 1) % (raw.no_rope_layer_interval ?? 4) !== 0 : raw.no_rope_layers[layer] !== 0;

/** SmolLM3: a Llama of which some layers have no rotary embedding (NoPE, Yang et al., arXiv:2501.18795). */
export const smollm3: Architecture = {
  defaults: {
    num_key_value_heads: 4,
    rope_theta: 2_000_000,
    max_position_embeddings: 32_768,
    tie_word_embeddings: true,
  },
  differences: ({ attention_bias, mlp_bias }) => ({
    biases: { qkv: attention_bias === true, output: attention_bias === true, mlp: mlp_bias === true },
  }),
  slides: (raw, layer) => raw.use_sliding_window === true && !hasRope(raw, layer),
  rope: (raw, layer) => (hasRope(raw, layer) ? 0 : undefined),
};

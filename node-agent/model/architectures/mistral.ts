import type { Architecture } from "./architecture.ts";

/** Mistral 7B and its kin (Jiang et al., arXiv:2310.06825): every layer sees a window, if there is one. */
export const mistral: Architecture = {
  defaults: { num_key_value_heads: 8, sliding_window: 4096, max_position_embeddings: 131_072 },
  slides: () => true,
};

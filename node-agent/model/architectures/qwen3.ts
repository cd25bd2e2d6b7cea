import type { Architecture } from "./architecture.ts";
import { qwenSlides } from "./qwen2.ts";

/** Qwen3 (arXiv:2505.09388): every head's query and key are normalised before they are rotated. */
export const qwen3: Architecture = {
  defaults: { head_dim: 128, max_position_embeddings: 32_768, num_key_value_heads: 32, sliding_window: 4096 },
  differences: ({ attention_bias }) => ({
    qkNorm: true,
    biases: { qkv: attention_bias === true, output: attention_bias === true, mlp: false },
  }),
  slides: qwenSlides,
};

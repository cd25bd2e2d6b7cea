import type { RawConfig } from "../raw-config.ts";
import type { Architecture } from "./architecture.ts";

/** Qwen's layers slide only on request, and then from `max_window_layers` on. */
export const qwenSlides = (raw: RawConfig, layer: number): boolean =>
  raw.use_sliding_window === true && layer >= (raw.max_window_layers ?? 28);

/** Qwen2 and Qwen2.5 (arXiv:2407.10671): queries, keys and values have biases. */
export const qwen2: Architecture = {
  defaults: { max_position_embeddings: 32_768, num_key_value_heads: 32, sliding_window: 4096 },
  differences: () => ({ biases: { qkv: true, output: false, mlp: false } }),
  slides: qwenSlides,
};

import { modelError } from "../model-error.ts";
import type { RawConfig } from "../raw-config.ts";
import type { Architecture } from "./architecture.ts";
import { qwen3 } from "./qwen3.ts";

/** Qwen3's mixtures of experts (arXiv:2505.09388): a Qwen3 in which a few of many feed-forward layers compute each token. */
export const qwen3Moe: Architecture = {
  ...qwen3,
  defaults: {
    ...qwen3.defaults,
    num_key_value_heads: 4,
    num_experts: 128,
    num_experts_per_tok: 8,
    moe_intermediate_size: 768,
    norm_topk_prob: false,
    decoder_sparse_step: 1,
    mlp_only_layers: [],
  },
  differences: (raw) => ({ ...qwen3.differences?.(raw), experts: expertsOf(raw) }),
};

function expertsOf(raw: RawConfig) {
  const { num_experts: count, num_experts_per_tok: perToken, moe_intermediate_size: ffnSize } = raw;
  if (count == null || perToken == null || ffnSize == null || perToken > count) {
    throw modelError(`config.json: ${perToken} of ${count} experts of a width of ${ffnSize} cannot be.`);
  }
  const step = raw.decoder_sparse_step ?? 1;
  const layers = Array.from(
    { length: raw.num_hidden_layers },
    (_, layer) => raw.mlp_only_layers?.includes(layer) !== true && (layer + 1) % step === 0,
  );
  return { count, perToken, ffnSize, normalized: raw.norm_topk_prob === true, layers };
}

import { z } from "zod";

const dimension = z
  .number()
  .int()
  .positive()
  .max(1 << 20);
const positive = z.number().positive().max(1e12);
const tokenId = z.number().int().nonnegative().max(0xffffffff);
const flag = z.boolean().default(false);
const perLayer = <T extends z.ZodType>(item: T) => z.array(item).max(1024).nullish();

/** One or several token ids, as a list. */
export const tokenIdsSchema = z.union([tokenId.transform((id) => [id]), z.array(tokenId).max(64)]);

/**
 * The fields of config.json that say something about the graph, for every supported architecture. What an architecture assumes where a
 * field is absent is merged in before (see Architecture.defaults); an explicit null stays null.
 */
export const rawConfigSchema = z.object({
  vocab_size: dimension,
  hidden_size: dimension,
  intermediate_size: dimension,
  num_hidden_layers: dimension.max(1024),
  num_attention_heads: dimension.max(1024),
  num_key_value_heads: dimension.max(1024).nullish(),
  head_dim: dimension.max(512).nullish(),
  hidden_act: z.string().max(64).default("silu"),
  /** Gemma's name for hidden_act. */
  hidden_activation: z.string().max(64).nullish(),
  max_position_embeddings: z.number().int().positive().default(2048),
  original_max_position_embeddings: z.number().int().positive().nullish(),
  /** Of models that were stretched linearly and left max_position_embeddings as it was before. */
  max_sequence_length: z.number().int().positive().nullish(),
  rms_norm_eps: z.number().positive().max(1).default(1e-6),
  attention_bias: flag.nullish(),
  mlp_bias: flag.nullish(),
  tie_word_embeddings: flag,
  eos_token_id: tokenIdsSchema.nullish(),
  rope_theta: positive.nullish(),
  rope_local_base_freq: positive.nullish(),
  rope_scaling: z.looseObject({}).nullish(),
  /** Where newer configurations keep rope_theta and the scaling. */
  rope_parameters: z.looseObject({}).nullish(),
  partial_rotary_factor: z.number().positive().max(1).nullish(),
  /** 1 for a layer with a rotary embedding, 0 for one without. */
  no_rope_layers: perLayer(z.number().int().min(0).max(1)),
  no_rope_layer_interval: dimension.nullish(),
  sliding_window: z.number().int().positive().nullish(),
  use_sliding_window: flag.nullish(),
  max_window_layers: z.number().int().nonnegative().nullish(),
  sliding_window_pattern: dimension.nullish(),
  layer_types: perLayer(
    z.enum(["full_attention", "sliding_attention"], {
      error: "only full_attention and sliding_attention are supported",
    }),
  ),
  query_pre_attn_scalar: positive.nullish(),
  num_experts: dimension.max(4096).nullish(),
  num_experts_per_tok: dimension.max(4096).nullish(),
  moe_intermediate_size: dimension.nullish(),
  norm_topk_prob: flag.nullish(),
  decoder_sparse_step: dimension.nullish(),
  mlp_only_layers: perLayer(z.number().int().nonnegative()),
  attn_logit_softcapping: positive.nullish(),
  final_logit_softcapping: positive.nullish(),
  /** Only the method is looked at: the tensors themselves say how they are held. */
  quantization_config: z
    .looseObject({
      quant_method: z.literal("compressed-tensors", { error: "only compressed-tensors is supported" }),
    })
    .nullish(),
  use_bidirectional_attention: z.literal(false, { error: "bidirectional attention is not supported" }).nullish(),
});

export type RawConfig = z.infer<typeof rawConfigSchema>;

/** A config.json as written, with what the slow model reads of it. */
export interface SlowConfig {
  readonly architectures: readonly string[];
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly rms_norm_eps: number;
  readonly max_position_embeddings: number;
  readonly max_sequence_length?: number;
  readonly rope_theta: number;
  readonly tie_word_embeddings?: boolean;
  readonly rope_scaling?: Readonly<Record<string, unknown>>;
  readonly rope_local_base_freq?: number;
  readonly original_max_position_embeddings?: number;
  readonly partial_rotary_factor?: number;
  readonly no_rope_layers?: readonly number[];
  readonly layer_types?: readonly string[];
  readonly sliding_window?: number;
  readonly sliding_window_pattern?: number;
  readonly use_sliding_window?: boolean;
  readonly max_window_layers?: number;
  readonly attn_logit_softcapping?: number;
  readonly final_logit_softcapping?: number;
  readonly query_pre_attn_scalar?: number;
  readonly num_experts?: number;
  readonly num_experts_per_tok?: number;
  readonly moe_intermediate_size?: number;
  readonly norm_topk_prob?: boolean;
  readonly mlp_only_layers?: readonly number[];
}

const number = (value: unknown): number => {
  if (typeof value !== "number") throw new Error(`${JSON.stringify(value)} is not a number.`);
  return value;
};

/** Length of the stage of dynamic scaling that a sequence is in: the trained one, or that doubled often enough, and never beyond all of it. */
function slowStage(trained: number, factor: number, length: number): number {
  let stage = trained;
  while (stage < length) stage *= 2;
  return Math.min(stage, Math.floor(trained * factor));
}

/**
 * Angle of each pair at position 1 of a sequence of `length` tokens and the factor on sines and cosines, computed pair by pair from wavelengths as the papers tell it: what the
 * tables of the fast model are compared with.
 */
export function slowRope(
  config: SlowConfig,
  theta: number,
  rotaryDim: number,
  length = 1,
): { angles: number[]; gain: number } {
  const scaling = config.rope_scaling ?? {};
  const type = scaling["rope_type"] ?? scaling["type"] ?? "default";
  const wavelengths = Array.from({ length: rotaryDim / 2 }, (_, i) => 2 * Math.PI * theta ** ((2 * i) / rotaryDim));
  const turn = 2 * Math.PI;
  if (type === "default") return { angles: wavelengths.map((wave) => turn / wave), gain: 1 };
  if (type === "longrope" || type === "su") {
    const [trained, original] = [config.max_position_embeddings, number(config.original_max_position_embeddings)];
    const factors = scaling[trained > original ? "long_factor" : "short_factor"];
    if (!Array.isArray(factors)) throw new Error("longrope without factors");
    const angles = wavelengths.map((wave, i) => turn / (wave * number(factors[i])));
    return { angles, gain: Math.sqrt(1 + Math.log(trained / original) / Math.log(original)) };
  }
  const factor = number(scaling["factor"]);
  if (type === "linear") return { angles: wavelengths.map((wave) => turn / (wave * factor)), gain: 1 };
  if (type === "dynamic") {
    const trained = config.max_position_embeddings;
    const stage = slowStage(trained, factor, length);
    const base = theta * ((factor * stage) / trained - (factor - 1)) ** (rotaryDim / (rotaryDim - 2));
    const angles = Array.from({ length: rotaryDim / 2 }, (_, i) => 1 / base ** ((2 * i) / rotaryDim));
    return { angles, gain: 1 };
  }
  const context = number(scaling["original_max_position_embeddings"]);
  if (type === "llama3") {
    const [low, high] = [number(scaling["low_freq_factor"]), number(scaling["high_freq_factor"])];
    const angles = wavelengths.map((wave) => {
      if (wave < context / high) return turn / wave;
      if (wave > context / low) return turn / wave / factor;
      const smooth = (context / wave - low) / (high - low);
      return ((1 - smooth) * (turn / wave)) / factor + smooth * (turn / wave);
    });
    return { angles, gain: 1 };
  }
  if (type !== "yarn") throw new Error(`The slow model knows no rope of type ${JSON.stringify(type)}.`);
  const edge = (turns: number) => (rotaryDim * Math.log(context / (turns * turn))) / (2 * Math.log(theta));
  const low = Math.max(0, Math.floor(edge(32)));
  const high = Math.min(rotaryDim - 1, Math.ceil(edge(1)));
  const angles = wavelengths.map((wave, i) => {
    // 1 where the pair turns often enough to be left alone.
    const keep = i <= low ? 1 : i >= high ? 0 : 1 - (i - low) / (high - low);
    return (turn / wave) * (keep + (1 - keep) / factor);
  });
  return { angles, gain: 0.1 * Math.log(factor) + 1 };
}

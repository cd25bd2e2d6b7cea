import { parseRope } from "../rope.ts";
import type { RawConfig } from "../raw-config.ts";
import type { Architecture } from "./architecture.ts";
import { GEMMA_DEFAULTS, gemmaDifferences } from "./gemma2.ts";

const GLOBAL = 0;
const LOCAL = 1;

/** The text part of Gemma 3 (arXiv:2503.19786): five sliding layers, with a rotary base of their own, to each global one. */
export const gemma3: Architecture = {
  defaults: {
    ...GEMMA_DEFAULTS,
    max_position_embeddings: 131_072,
    rope_theta: 1_000_000,
    rope_local_base_freq: 10_000,
    sliding_window_pattern: 6,
  },
  differences: (raw) => ({ ...gemmaDifferences(raw), qkNorm: true, ropes: ropesOf(raw) }),
  slides: (raw, layer) => (layer + 1) % (raw.sliding_window_pattern ?? 6) !== 0,
  rope: (_raw, _layer, slides) => (slides ? LOCAL : GLOBAL),
};

/** Gemma 3 from 4B on, without its eyes: what its configuration leaves out is that of the original code. */
export const gemma3WithVision: Architecture = {
  ...gemma3,
  defaults: { ...gemma3.defaults, vocab_size: 262_208, num_attention_heads: 8 },
  within: { config: "text_config", tensors: "language_model." },
};

/** Newer configurations have one set of rope parameters for each kind of layer. */
function ropesOf(raw: RawConfig) {
  const kinds = raw.rope_parameters;
  const { rope_scaling: scaling, rope_theta: theta, rope_local_base_freq: localTheta } = raw;
  const [full, sliding] = [kinds?.["full_attention"], kinds?.["sliding_attention"]];
  const ropes = [];
  ropes[GLOBAL] = parseRope(raw, { rope_theta: theta, ...scaling, ...(typeof full === "object" ? full : {}) });
  ropes[LOCAL] = parseRope(raw, { rope_theta: localTheta, ...(typeof sliding === "object" ? sliding : {}) });
  return ropes;
}

import type { Architecture } from "./architecture.ts";

/** Llama 1 to 3, SmolLM and SmolLM2 (Touvron et al., arXiv:2302.13971; Grattafiori et al., arXiv:2407.21783). */
export const llama: Architecture = {
  differences: ({ attention_bias, mlp_bias }) => ({
    biases: { qkv: attention_bias === true, output: attention_bias === true, mlp: mlp_bias === true },
  }),
};

import type { Architecture } from "./architecture.ts";

/** Phi-3, Phi-3.5 and Phi-4 mini (arXiv:2404.14219): projections lie fused in the files, and a part of a head may stay unrotated. */
export const phi3: Architecture = {
  defaults: { rms_norm_eps: 1e-5, max_position_embeddings: 4096, original_max_position_embeddings: 4096 },
  differences: () => ({ fusedProjections: true }),
  slides: () => true,
};

import type { Architecture } from "./architecture.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3, gemma3WithVision } from "./gemma3.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { phi3 } from "./phi3.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3-moe.ts";
import { smollm3 } from "./smollm3.ts";

/** The architectures there is a graph for, by their names in config.json. */
export const ARCHITECTURES = {
  LlamaForCausalLM: llama,
  MistralForCausalLM: mistral,
  Qwen2ForCausalLM: qwen2,
  Qwen3ForCausalLM: qwen3,
  Qwen3MoeForCausalLM: qwen3Moe,
  SmolLM3ForCausalLM: smollm3,
  Phi3ForCausalLM: phi3,
  Gemma2ForCausalLM: gemma2,
  Gemma3ForCausalLM: gemma3,
  Gemma3ForConditionalGeneration: gemma3WithVision,
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof ARCHITECTURES;

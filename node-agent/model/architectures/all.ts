import type { Architecture } from "./architecture.ts";
import { llama } from "./llama.ts";

/** The architectures there is a graph for, by their names in config.json. */
export const ARCHITECTURES = {
  LlamaForCausalLM: llama,
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof ARCHITECTURES;

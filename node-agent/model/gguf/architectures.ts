import { modelError } from "../model-error.ts";
import type { GgufHeader } from "./header.ts";

/** How llama.cpp's converter wrote an architecture, as far as it differs from the Hugging Face files. */
export interface GgufArchitecture {
  /** Its name in config.json. */
  readonly huggingFace: string;
  /** Rows of queries and keys are in the order of llama.cpp's interleaved rotary embedding. */
  readonly interleavedRope: boolean;
  readonly gemma?: Gemma;
  /** Queries, keys and values lie in one tensor, and gate and up in another. */
  readonly fused?: boolean;
  /** Shares of the chosen experts add up to one: no key says so. */
  readonly normalizesExperts?: boolean;
}

/** What Gemma's files have of their own: norms around sublayers, gains stored whole (not less one), a window. */
export interface Gemma {
  /** Layers of the largest model: its queries are scaled by the width per head and not by the head's size, which no key says. */
  readonly largestLayers: number;
}

/** By `general.architecture`. Mistral's models are written as llama too. */
const ARCHITECTURES: ReadonlyMap<string, GgufArchitecture> = new Map<string, GgufArchitecture>([
  ["llama", { huggingFace: "LlamaForCausalLM", interleavedRope: true }],
  ["qwen2", { huggingFace: "Qwen2ForCausalLM", interleavedRope: false }],
  ["qwen3", { huggingFace: "Qwen3ForCausalLM", interleavedRope: false }],
  ["qwen3moe", { huggingFace: "Qwen3MoeForCausalLM", interleavedRope: false, normalizesExperts: true }],
  ["phi3", { huggingFace: "Phi3ForCausalLM", interleavedRope: false, fused: true }],
  ["gemma2", { huggingFace: "Gemma2ForCausalLM", interleavedRope: false, gemma: { largestLayers: 46 } }],
  ["gemma3", { huggingFace: "Gemma3ForCausalLM", interleavedRope: false, gemma: { largestLayers: 62 } }],
  ["smollm3", { huggingFace: "SmolLM3ForCausalLM", interleavedRope: true }],
]);

/** The architecture of a file and its name there, which the file's other keys begin with. Throws `model_load_failed`. */
export function architectureOf({ metadata, name }: Pick<GgufHeader, "metadata"> & { name: string }) {
  const prefix = metadata.get("general.architecture");
  if (typeof prefix !== "string") throw modelError(`${name} does not say which architecture the model has.`);
  const architecture = ARCHITECTURES.get(prefix);
  if (architecture === undefined) {
    throw modelError(
      `${name}: the architecture ${JSON.stringify(prefix.slice(0, 80))} is not supported in GGUF. Supported are: ${[...ARCHITECTURES.keys()].join(", ")}.`,
    );
  }
  return { prefix, ...architecture };
}

import { weightBytes } from "../../../shared/inference/model.ts";
import { SUPPORTED_ARCHITECTURES } from "../config.ts";
import { defaultQuantization } from "../default-quantization.ts";

/** A good open model of a size for a home machine. */
export interface CatalogueEntry {
  /** Short name that `models pull` takes. */
  name: string;
  /** Repository on the hub. */
  repo: string;
  architecture: string;
  parameters: number;
  /** About what is downloaded. */
  downloadBytes: number;
  /** SPDX identifier. */
  licence: string;
  goodFor: string;
}

/** Small models with licences that allow any use, smallest first. Sizes are those of the weights that are published. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  entry(
    "smollm2-135m",
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    "LlamaForCausalLM",
    0.135,
    0.27,
    "Apache-2.0",
    "trying things out",
  ),
  entry(
    "smollm2-360m",
    "HuggingFaceTB/SmolLM2-360M-Instruct",
    "LlamaForCausalLM",
    0.362,
    0.72,
    "Apache-2.0",
    "short texts, old machines",
  ),
  entry(
    "qwen2.5-0.5b",
    "Qwen/Qwen2.5-0.5B-Instruct",
    "Qwen2ForCausalLM",
    0.494,
    0.99,
    "Apache-2.0",
    "many languages, very small",
  ),
  entry(
    "qwen3-0.6b",
    "Qwen/Qwen3-0.6B",
    "Qwen3ForCausalLM",
    0.596,
    1.5,
    "Apache-2.0",
    "tools and reasoning, very small",
  ),
  entry(
    "tinyllama-1.1b",
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    "LlamaForCausalLM",
    1.1,
    2.2,
    "Apache-2.0",
    "simple chat",
  ),
  entry("qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B-Instruct", "Qwen2ForCausalLM", 1.54, 3.09, "Apache-2.0", "many languages"),
  entry(
    "smollm2-1.7b",
    "HuggingFaceTB/SmolLM2-1.7B-Instruct",
    "LlamaForCausalLM",
    1.71,
    3.42,
    "Apache-2.0",
    "English text, summaries",
  ),
  entry("qwen3-1.7b", "Qwen/Qwen3-1.7B", "Qwen3ForCausalLM", 1.72, 4.06, "Apache-2.0", "tools and reasoning"),
  entry(
    "smollm3-3b",
    "HuggingFaceTB/SmolLM3-3B",
    "SmolLM3ForCausalLM",
    3.08,
    6.15,
    "Apache-2.0",
    "long contexts, tools",
  ),
  entry("phi-4-mini", "microsoft/Phi-4-mini-instruct", "Phi3ForCausalLM", 3.84, 7.67, "MIT", "mathematics, code"),
  entry(
    "qwen3-4b",
    "Qwen/Qwen3-4B-Instruct-2507",
    "Qwen3ForCausalLM",
    4.02,
    8.04,
    "Apache-2.0",
    "the best of its size for most things",
  ),
  entry("mistral-7b", "mistralai/Mistral-7B-Instruct-v0.3", "MistralForCausalLM", 7.25, 14.5, "Apache-2.0", "writing"),
  entry("qwen3-8b", "Qwen/Qwen3-8B", "Qwen3ForCausalLM", 8.19, 16.4, "Apache-2.0", "reasoning, code, many languages"),
];

/** An entry with what it means on this machine. */
export interface Suggestion extends CatalogueEntry {
  /** Memory that its weights take when loaded as this build does by default. */
  memoryBytes: number;
  /** Whether there is a graph for its architecture. */
  loadable: boolean;
  /** Whether its weights leave half of the memory to everything else. */
  fits: boolean;
  /** The largest that can be loaded, fits, and answers at reading speed. */
  recommended: boolean;
}

/**
 * A CPU reads all weights for each token: at the 25 GB/s of a usual desktop's memory, this much gives 10 tokens/s, about the pace at
 * which people read.
 */
const READING_SPEED_BYTES = 2.5e9;

/** The catalogue seen from a machine with `memoryBytes`. */
export function suggestModels(
  memoryBytes: number,
  architectures: readonly string[] = SUPPORTED_ARCHITECTURES,
): Suggestion[] {
  const seen = CATALOGUE.map((model) => {
    const bytes = weightBytes(model.parameters, defaultQuantization(model));
    return {
      ...model,
      memoryBytes: bytes,
      loadable: architectures.includes(model.architecture),
      fits: bytes <= memoryBytes / 2,
    };
  });
  const best = seen.findLast(
    ({ loadable, fits, memoryBytes: bytes }) => loadable && fits && bytes <= READING_SPEED_BYTES,
  );
  return seen.map((model) => ({ ...model, recommended: model === best }));
}

function entry(
  name: string,
  repo: string,
  architecture: string,
  billions: number,
  gigabytes: number,
  licence: string,
  goodFor: string,
): CatalogueEntry {
  return { name, repo, architecture, parameters: billions * 1e9, downloadBytes: gigabytes * 1e9, licence, goodFor };
}

import { modelError } from "../model-error.ts";
import type { GgufHeader } from "./header.ts";

/** llama.cpp's number for a model whose states are not pooled: one that generates text. */
const NO_POOLING = 0;

/**
 * Refuses a file that says how its states become one vector: it is a model for embeddings, whose language model would talk nonsense.
 * Throws `model_load_failed`.
 */
export function refusePooling({ metadata, name }: Pick<GgufHeader, "metadata"> & { name: string }): void {
  const architecture = metadata.get("general.architecture");
  const pooling = metadata.get(`${typeof architecture === "string" ? architecture : ""}.pooling_type`);
  if (pooling === undefined || pooling === NO_POOLING) return;
  throw modelError(
    `${name} is a model for embeddings. Those are loaded from safetensors or ONNX: pull the repository that it was made from.`,
  );
}

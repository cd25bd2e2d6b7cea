import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";

/** The `embed` of a backend whose models are all for chat. */
export const noEmbeddings: InferenceBackend["embed"] = async () => {
  throw new PorchlightError("model_task_mismatch");
};

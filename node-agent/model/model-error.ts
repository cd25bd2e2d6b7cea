import { PorchlightError } from "../../shared/errors.ts";

/** A model's files are broken or not supported: `message` says which file, what is wrong with it and the way out. */
export function modelError(message: string, cause?: unknown): PorchlightError {
  return new PorchlightError("model_load_failed", message, cause === undefined ? {} : { cause });
}

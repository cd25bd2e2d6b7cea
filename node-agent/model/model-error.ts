import { PorchlightError } from "../../shared/errors.ts";

/** Messages quote what a file says, which may be of any length. */
const MAX_CHARACTERS = 2000;

/** A model's files are broken or not supported: `message` says which file, what is wrong with it and the way out. */
export function modelError(message: string, cause?: unknown): PorchlightError {
  const sentence = message.length <= MAX_CHARACTERS ? message : `${message.slice(0, MAX_CHARACTERS)}…`;
  return new PorchlightError("model_load_failed", sentence, cause === undefined ? {} : { cause });
}

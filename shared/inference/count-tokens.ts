import { PorchlightError } from "../errors.ts";
import type { InferenceBackend } from "./backend.ts";
import type { GenerateRequest } from "./request.ts";

/** How many tokens the prompt of a request has, by the model's own template and tokenizer. Rejects with PorchlightError. */
export async function countTokens(
  backend: InferenceBackend,
  request: GenerateRequest,
  signal: AbortSignal,
): Promise<number> {
  for await (const event of backend.generate({ ...request, countOnly: true }, signal)) {
    if (event.type === "usage") return event.promptTokens;
    if (event.type === "error") throw PorchlightError.fromWire(event.error);
  }
  throw new PorchlightError(signal.aborted ? "cancelled" : "internal");
}

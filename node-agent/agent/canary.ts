import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { Speed } from "../../shared/protocol/messages.ts";

const PROMPT = "Count from one to forty in words.";
/** Enough to time, soon done even on a slow machine. */
const TOKENS = 48;

/**
 * Has a model answer a short prompt, which proves that it works, and times it. Tokens per second count from the first piece of text on:
 * what came before was the prompt. Undefined where the answer was too short to time. `keepAliveMs`: how long the model stays loaded
 * after it. Throws PorchlightError.
 */
export async function tryModel(
  backend: InferenceBackend,
  model: string,
  signal: AbortSignal,
  keepAliveMs?: number,
): Promise<Speed | undefined> {
  const request = {
    model,
    messages: [{ role: "user" as const, content: PROMPT }],
    // The penalty keeps small models from ending early, as it falls on the end-of-turn token too.
    sampling: { temperature: 0, repetitionPenalty: 1.3 },
    maxTokens: TOKENS,
    priority: "low" as const,
    ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
  };
  let firstMs: number | undefined;
  let pieces = 0;
  let tokens = 0;
  for await (const event of backend.generate(request, signal)) {
    if (event.type === "text" || event.type === "reasoning") {
      firstMs ??= performance.now();
      pieces += 1;
    } else if (event.type === "usage") tokens = event.completionTokens;
    else if (event.type === "error") throw PorchlightError.fromWire(event.error);
  }
  if (firstMs === undefined || pieces < 2 || tokens < 2) return undefined;
  const seconds = (performance.now() - firstMs) / 1000;
  return { model, tokensPerSecond: Math.round(((tokens - 1) / Math.max(seconds, 1e-3)) * 10) / 10 };
}

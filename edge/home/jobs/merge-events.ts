import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { TokenLogprob } from "../../../shared/inference/output-format.ts";

/**
 * An answer's events as they are kept: without those that were for who looks on, with neighbouring pieces of text as one, and without
 * ids of tokens, which serve to go on elsewhere.
 */
export function mergeEvents(events: readonly GenerateEvent[]): GenerateEvent[] {
  const merged: GenerateEvent[] = [];
  let pieces: string[] = [];
  let logprobs: TokenLogprob[] = [];
  const endText = (): void => {
    if (pieces.length === 0) return;
    merged.push({ type: "text", text: pieces.join(""), ...(logprobs.length === 0 ? {} : { logprobs }) });
    pieces = [];
    logprobs = [];
  };
  for (const event of events) {
    if (event.type === "progress") continue;
    if (event.type === "text") {
      pieces.push(event.text);
      logprobs.push(...(event.logprobs ?? []));
      continue;
    }
    endText();
    merged.push(event.type === "tool_call" ? { type: event.type, index: event.index, call: event.call } : event);
  }
  endText();
  return merged;
}

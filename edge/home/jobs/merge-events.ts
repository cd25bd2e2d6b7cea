import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { TokenLogprob } from "../../../shared/inference/output-format.ts";

type Text = Extract<GenerateEvent, { type: "text" | "reasoning" }>;

/**
 * An answer's events as they are kept: without those that were for who looks on, with neighbouring pieces of text as one, and without
 * ids of tokens, which serve to go on elsewhere.
 */
export function mergeEvents(events: readonly GenerateEvent[]): GenerateEvent[] {
  const merged: GenerateEvent[] = [];
  let run: Text[] = [];
  const endRun = (): void => {
    if (run.length > 0) merged.push(joined(run));
    run = [];
  };
  for (const event of events) {
    if (event.type === "progress") continue;
    if (event.type !== run[0]?.type) endRun();
    if (event.type === "text" || event.type === "reasoning") run.push(event);
    else if (event.type === "tool_call") merged.push({ type: event.type, index: event.index, call: event.call });
    else merged.push(event);
  }
  endRun();
  return merged;
}

/** Pieces of one type as one. */
function joined(run: readonly Text[]): GenerateEvent {
  const text = run.map((piece) => piece.text).join("");
  if (run[0]?.type === "reasoning") return { type: "reasoning", text };
  const logprobs: TokenLogprob[] = run.flatMap((piece) => (piece.type === "text" ? (piece.logprobs ?? []) : []));
  return { type: "text", text, ...(logprobs.length === 0 ? {} : { logprobs }) };
}

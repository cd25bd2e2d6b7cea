import type { GenerateEvent } from "../../shared/inference/event.ts";

/** Hands the events of one generation from a writer that never waits to a reader that may be slow. */
export interface EventQueue {
  /** Takes the next event; nothing after a `finish` or `error`. */
  push(event: GenerateEvent): void;
  /** One reader. Ends after `finish` or `error`, or when `signal` aborts. */
  read(signal: AbortSignal): AsyncGenerator<GenerateEvent, void, undefined>;
}

/**
 * The engine does not wait for readers: a slot held for a slow one would stop others. What a reader has not taken yet is
 * merged (texts into one, only the newest progress), so a queue holds no more than one answer, which the context bounds. Events that
 * carry tokens stay apart: an answer that has to be made again is then cut into the same events, however fast its readers were.
 */
export function createEventQueue(): EventQueue {
  const pending: GenerateEvent[] = [];
  let isComplete = false;
  let wakeReader: (() => void) | null = null;
  const wake = (): void => wakeReader?.();
  return {
    push: (event) => {
      if (isComplete) return;
      isComplete = event.type === "finish" || event.type === "error";
      const last = pending.at(-1);
      const merged = last && merge(last, event);
      if (merged === undefined) pending.push(event);
      else pending[pending.length - 1] = merged;
      wake();
    },
    async *read(signal) {
      signal.addEventListener("abort", wake);
      try {
        while (!signal.aborted) {
          const event = pending.shift();
          if (event === undefined) {
            await new Promise<void>((resolve) => {
              wakeReader = resolve;
            });
            continue;
          }
          yield event;
          if (event.type === "finish" || event.type === "error") return;
        }
      } finally {
        signal.removeEventListener("abort", wake);
      }
    },
  };
}

/** Both in one, where that is the same to whoever reads them. */
function merge(first: GenerateEvent, second: GenerateEvent): GenerateEvent | undefined {
  if (first.type === "progress" && second.type === "progress") return second;
  if (first.type === "reasoning" && second.type === "reasoning") {
    return hasTokens(first, second) ? undefined : { type: "reasoning", text: first.text + second.text };
  }
  if (first.type !== "text" || second.type !== "text" || hasTokens(first, second)) return undefined;
  const logprobs = [...(first.logprobs ?? []), ...(second.logprobs ?? [])];
  return { type: "text", text: first.text + second.text, ...(logprobs.length === 0 ? {} : { logprobs }) };
}

function hasTokens(...events: { tokens?: number[] | undefined }[]): boolean {
  return events.some(({ tokens }) => tokens !== undefined);
}

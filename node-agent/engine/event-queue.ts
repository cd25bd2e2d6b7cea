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
 * merged (texts into one, only the newest progress), so a queue holds no more than one answer, which the context bounds.
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
      if (event.type === "text" && last?.type === "text") pending[pending.length - 1] = merge(last, event);
      else if (event.type === "reasoning" && last?.type === "reasoning") {
        const tokens = joined(last.tokens, event.tokens);
        pending[pending.length - 1] = {
          type: "reasoning",
          text: last.text + event.text,
          ...(tokens === undefined ? {} : { tokens }),
        };
      } else if (event.type === "progress" && last?.type === "progress") pending[pending.length - 1] = event;
      else pending.push(event);
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

type TextEvent = Extract<GenerateEvent, { type: "text" }>;

function merge(first: TextEvent, second: TextEvent): TextEvent {
  const logprobs = joined(first.logprobs, second.logprobs);
  const tokens = joined(first.tokens, second.tokens);
  return {
    type: "text",
    text: first.text + second.text,
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(tokens === undefined ? {} : { tokens }),
  };
}

function joined<T>(first: readonly T[] | undefined, second: readonly T[] | undefined): T[] | undefined {
  return first === undefined && second === undefined ? undefined : [...(first ?? []), ...(second ?? [])];
}

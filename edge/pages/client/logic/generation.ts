import {
  AnswerError,
  type CompletionEvent,
  type CompletionRequest,
  newAnswerId,
  streamCompletion,
} from "./completion.ts";
import type { StoredMessage } from "./conversation.ts";
import { MAX_TURNS, type TurnWindow, windowTurns } from "./turns.ts";

export type GenerationOptions = {
  /** All messages up to the question that is to be answered. */
  history: readonly StoredMessage[];
  /** Filled as the answer comes; its state at the end is done, stopped or failed. */
  answer: StoredMessage;
  model: string;
  contextLength: number | undefined;
  signal: AbortSignal;
  /** Whether the answer was asked for before, by its `answerId`. */
  isResumed?: boolean;
  /** Called after each piece. */
  onText: () => void;
  stream?: (request: CompletionRequest) => AsyncIterable<CompletionEvent>;
};

/**
 * Gets one answer. When the prompt turns out longer than the model's context, the oldest turn is left out and the question asked
 * again. Never rejects: what went wrong is in `answer.error`. Returns the turns the model was given.
 */
export async function generateAnswer(options: GenerationOptions): Promise<TurnWindow<StoredMessage>> {
  const { answer, history, signal, contextLength } = options;
  let window = windowTurns(history, { contextLength });
  for (;;) {
    try {
      await fill(options, window);
      return window;
    } catch (error) {
      if (signal.aborted) {
        answer.state = "stopped";
        return window;
      }
      const failure = error instanceof AnswerError ? error : new AnswerError("bad_answer", String(error));
      if (failure.code !== "context_length_exceeded" || window.turns <= 1) {
        answer.state = "failed";
        answer.error = { code: failure.code, message: failure.message };
        return window;
      }
      const maxTurns = Math.min(window.turns, MAX_TURNS) - 1;
      window = { ...windowTurns(history, { contextLength, maxTurns }), limitedBy: "context" };
    }
  }
}

async function fill(options: GenerationOptions, window: TurnWindow<StoredMessage>): Promise<void> {
  const { answer, model, signal, onText, stream = streamCompletion } = options;
  let firstTextAt: number | undefined;
  const messages = window.messages.map(({ role, content }) => ({ role, content }));
  const isResumed = options.isResumed === true && answer.answerId !== undefined;
  if (!isResumed) answer.answerId = newAnswerId();
  for await (const event of stream({
    model,
    messages,
    signal,
    answerId: answer.answerId ?? newAnswerId(),
    isResumed,
  })) {
    if (event.type === "text") {
      firstTextAt ??= performance.now();
      answer.content += event.text;
      onText();
    } else if (event.type === "usage") {
      answer.tokens = event.completionTokens;
    } else {
      answer.finish = event.reason;
    }
  }
  if (firstTextAt !== undefined) answer.seconds = (performance.now() - firstTextAt) / 1000;
  answer.state = "done";
  delete answer.answerId;
}

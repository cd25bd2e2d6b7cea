import { AnswerError, type CompletionEvent, type CompletionRequest, streamCompletion } from "./completion.ts";
import type { ChatMessage } from "./conversation.ts";
import { afterStep } from "./tool-calls.ts";

export type GenerationOptions = CompletionRequest & {
  /** Filled as the answer comes; its state at the end is done, stopped or failed. */
  answer: ChatMessage;
  /** Called after each piece. */
  onText: () => void;
  stream?: (request: CompletionRequest) => AsyncIterable<CompletionEvent>;
};

/** Gets one answer. Never rejects: what went wrong is in `answer.error`. */
export async function generateAnswer(options: GenerationOptions): Promise<void> {
  const { answer, signal } = options;
  try {
    await fill(options);
  } catch (error) {
    if (signal.aborted) {
      answer.state = "stopped";
      return;
    }
    const { code, message } = error instanceof AnswerError ? error : new AnswerError("bad_answer", String(error));
    answer.state = "failed";
    answer.error = { code, message };
  }
}

async function fill({ answer, onText, stream = streamCompletion, ...request }: GenerationOptions): Promise<void> {
  let firstTextAt: number | undefined;
  for await (const event of stream(request)) {
    if (event.type === "text" || event.type === "thought") {
      firstTextAt ??= performance.now();
      if (event.type === "text") answer.content += event.text;
      else answer.reasoning += event.text;
      onText();
    } else if (event.type === "step") {
      answer.calls = afterStep(answer.calls ?? [], event.step);
      // What comes after a call is a paragraph of its own.
      if (event.step.step === "round" && answer.content.trim() !== "")
        answer.content = `${answer.content.trimEnd()}\n\n`;
      onText();
    } else if (event.type === "usage") {
      answer.tokens = event.completionTokens;
    } else {
      answer.finish = event.reason;
    }
  }
  // Of one that comes again, the speed is the network's.
  if (firstTextAt !== undefined && request.isResumed !== true)
    answer.seconds = (performance.now() - firstTextAt) / 1000;
  answer.state = "done";
}

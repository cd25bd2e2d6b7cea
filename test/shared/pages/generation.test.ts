import { describe, expect, it } from "vitest";
import {
  AnswerError,
  type CompletionEvent,
  type CompletionRequest,
} from "../../../edge/pages/client/logic/completion.ts";
import type { ChatMessage } from "../../../edge/pages/client/logic/conversation.ts";
import { generateAnswer } from "../../../edge/pages/client/logic/generation.ts";

type Script = (request: CompletionRequest) => AsyncIterable<CompletionEvent>;

async function generate(stream: Script, signal = new AbortController().signal, isResumed = false) {
  const answer: ChatMessage = { role: "assistant", content: "", reasoning: "", state: "streaming", turn: undefined };
  let pieces = 0;
  const onText = (): void => {
    pieces += 1;
  };
  const answerId = `chatcmpl-${"0".repeat(32)}`;
  await generateAnswer({ path: "/", body: {}, answerId, isResumed, answer, signal, onText, stream });
  return { answer, pieces };
}

async function* speak(...texts: string[]): AsyncGenerator<CompletionEvent> {
  yield { type: "thought", text: "Hm." };
  for (const text of texts) yield { type: "text", text };
  yield { type: "finish", reason: "stop" };
  yield { type: "usage", promptTokens: 9, completionTokens: texts.length };
}

describe("generateAnswer", () => {
  it("fills the answer", async () => {
    const { answer, pieces } = await generate(() => speak("Hel", "lo"));
    expect(answer).toMatchObject({ content: "Hello", reasoning: "Hm.", state: "done", finish: "stop", tokens: 2 });
    expect(answer.seconds).toBeGreaterThanOrEqual(0);
    expect(pieces).toBe(3);
  });

  it("says nothing of the speed of one that comes again", async () => {
    expect((await generate(() => speak("Hello"), undefined, true)).answer.seconds).toBeUndefined();
  });

  it("keeps what had come when the stream breaks", async () => {
    const { answer } = await generate(async function* broken() {
      yield { type: "text", text: "Half" };
      throw new AnswerError("engine_crashed", "It crashed.");
    });
    expect(answer).toMatchObject({ content: "Half", state: "failed", error: { code: "engine_crashed" } });
  });

  it("ends as stopped when aborted, with what had come", async () => {
    const abort = new AbortController();
    const { answer } = await generate(async function* stopped() {
      yield { type: "text", text: "Half" };
      abort.abort();
      throw abort.signal.reason;
    }, abort.signal);
    expect(answer).toMatchObject({ content: "Half", state: "stopped" });
    expect(answer.error).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import {
  AnswerError,
  type CompletionEvent,
  type CompletionRequest,
} from "../../../edge/pages/client/logic/completion.ts";
import type { StoredMessage } from "../../../edge/pages/client/logic/conversation.ts";
import { generateAnswer } from "../../../edge/pages/client/logic/generation.ts";

const done = (role: StoredMessage["role"], content: string): StoredMessage => ({ role, content, state: "done" });
const history = (turns: number): StoredMessage[] => [
  ...Array.from({ length: turns - 1 }, (_, index) => [
    done("user", `q${index}`),
    done("assistant", `a${index}`),
  ]).flat(),
  done("user", "now"),
];

type Script = (request: CompletionRequest) => AsyncIterable<CompletionEvent>;

async function generate(turns: number, stream: Script, signal = new AbortController().signal) {
  const answer: StoredMessage = { role: "assistant", content: "", state: "streaming" };
  let pieces = 0;
  const window = await generateAnswer({
    history: history(turns),
    answer,
    model: "starter",
    contextLength: undefined,
    signal,
    onText: () => {
      pieces += 1;
    },
    stream,
  });
  return { answer, window, pieces };
}

async function* speak(...texts: string[]): AsyncGenerator<CompletionEvent> {
  for (const text of texts) yield { type: "text", text };
  yield { type: "finish", reason: "stop" };
  yield { type: "usage", promptTokens: 9, completionTokens: texts.length };
}

describe("generateAnswer", () => {
  it("fills the answer", async () => {
    const { answer, window, pieces } = await generate(2, () => speak("Hel", "lo"));
    expect(answer).toMatchObject({ content: "Hello", state: "done", finish: "stop", tokens: 2 });
    expect(window).toMatchObject({ turns: 2, limitedBy: "none" });
    expect(pieces).toBe(2);
  });

  it("sends eight turns at most, roles and texts only", async () => {
    let sent: CompletionRequest["messages"] = [];
    await generate(12, ({ messages }) => {
      sent = messages;
      return speak("ok");
    });
    expect(sent).toHaveLength(15);
    expect(sent[0]).toEqual({ role: "user", content: "q4" });
    expect(sent.at(-1)).toEqual({ role: "user", content: "now" });
  });

  it("leaves out the oldest turn and asks again until the prompt fits", async () => {
    const lengths: number[] = [];
    const { answer, window } = await generate(10, ({ messages }) => {
      lengths.push(messages.length);
      if (messages.length > 11) throw new AnswerError("context_length_exceeded", "too long", 400);
      return speak("ok");
    });
    expect(lengths).toEqual([15, 13, 11]);
    expect(answer.state).toBe("done");
    expect(window).toMatchObject({ turns: 6, limitedBy: "context" });
  });

  it("says that the question itself is too long when nothing is left to leave out", async () => {
    const { answer, window } = await generate(3, () => {
      throw new AnswerError("context_length_exceeded", "too long", 400);
    });
    expect(answer).toMatchObject({ state: "failed", error: { code: "context_length_exceeded", message: "too long" } });
    expect(window.turns).toBe(1);
  });

  it("keeps what had come when the stream breaks", async () => {
    const { answer } = await generate(1, async function* broken() {
      yield { type: "text", text: "Half" };
      throw new AnswerError("engine_crashed", "It crashed.");
    });
    expect(answer).toMatchObject({ content: "Half", state: "failed", error: { code: "engine_crashed" } });
  });

  it("ends as stopped when aborted, with what had come", async () => {
    const abort = new AbortController();
    const { answer } = await generate(
      1,
      async function* stopped() {
        yield { type: "text", text: "Half" };
        abort.abort();
        throw abort.signal.reason;
      },
      abort.signal,
    );
    expect(answer).toMatchObject({ content: "Half", state: "stopped" });
    expect(answer.error).toBeUndefined();
  });
});

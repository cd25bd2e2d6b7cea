import { Tokenizer } from "@huggingface/tokenizers";
import { describe, expect, it } from "vitest";
import {
  type ChatMessage,
  estimateTokens,
  MAX_TURNS,
  splitTurns,
  windowTurns,
} from "../../../edge/pages/client/logic/turns.ts";
import { readStarterJson } from "../../support/engine-starter.ts";

const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });
const talk = (turns: number, text = "word"): ChatMessage[] =>
  Array.from({ length: turns }, (_, index) => [user(`${text} ${index}`), assistant(`answer ${index}`)]).flat();

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

describe("splitTurns", () => {
  it("groups a question with its answer", () => {
    expect(splitTurns([user("a"), assistant("b"), user("c")])).toEqual([[user("a"), assistant("b")], [user("c")]]);
  });

  it("leaves out questions that never got an answer, but the last", () => {
    const messages = [user("failed"), assistant(""), user("a"), assistant("b"), user("now")];
    expect(splitTurns(messages)).toEqual([[user("a"), assistant("b")], [user("now")]]);
  });
});

describe("windowTurns", () => {
  it("keeps a short conversation whole", () => {
    const messages = [...talk(3), user("now")];
    expect(windowTurns(messages, { contextLength: 1024 })).toEqual({ messages, turns: 4, limitedBy: "none" });
  });

  it("keeps the last eight turns, the same objects", () => {
    const messages = [...talk(10), user("now")];
    const window = windowTurns(messages, { contextLength: undefined });
    expect(window.turns).toBe(MAX_TURNS);
    expect(window.limitedBy).toBe("turns");
    expect(window.messages).toEqual([...talk(10).slice(6), user("now")]);
    expect(window.messages[0]).toBe(messages[6]);
  });

  it("says nothing of a limit when exactly eight turns are there", () => {
    expect(windowTurns([...talk(7), user("now")], { contextLength: undefined }).limitedBy).toBe("none");
  });

  it("drops turns that the context has no room for, and leaves room for an answer", () => {
    const messages = [...talk(5, "x ".repeat(200)), user("now")];
    const window = windowTurns(messages, { contextLength: 1024 });
    expect(window.limitedBy).toBe("context");
    expect(window.turns).toBeGreaterThan(1);
    expect(window.turns).toBeLessThan(6);
    const estimated = sum(window.messages.map(({ content }) => estimateTokens(content)));
    expect(estimated).toBeLessThanOrEqual(768);
  });

  it("always keeps the last turn: only the engine can say that it is too long", () => {
    const window = windowTurns([...talk(2), user("9".repeat(5000))], { contextLength: 1024 });
    expect(window).toMatchObject({ turns: 1, limitedBy: "context" });
  });
});

describe("estimateTokens", () => {
  it("is near what the starter's tokenizer counts, and above it on the whole", async () => {
    const tokenizer = new Tokenizer(
      await readStarterJson("tokenizer.json"),
      await readStarterJson("tokenizer_config.json"),
    );
    const samples = [
      "Hello! Who are you?",
      "The quick brown fox jumps over the lazy dog, and then it sleeps until the next morning.",
      "Quantisation reduces the memory bandwidth of autoregressive transformer inference considerably.",
      "I measured 3.14159265 metres on 2026-11-22 at 10:45.",
      "const x = [1, 2, 3].map((n) => n ** 2); // squares",
      "模型在家里的机器上运行。",
      "👩‍💻🎉",
    ];
    const counted = samples.map((sample) => tokenizer.encode(sample).ids.length);
    const estimated = samples.map(estimateTokens);
    samples.forEach((sample, index) => {
      const ratio = (estimated[index] ?? 0) / (counted[index] ?? 0);
      expect(ratio, sample).toBeGreaterThan(0.9);
      expect(ratio, sample).toBeLessThan(1.7);
    });
    expect(sum(estimated)).toBeGreaterThan(sum(counted));
  });
});

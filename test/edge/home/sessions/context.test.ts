import { describe, expect, it } from "vitest";
import { extractiveSummary } from "../../../../edge/home/sessions/context/extractive-summary.ts";
import { messagesOf, planContext, windowTurns } from "../../../../edge/home/sessions/context/plan.ts";
import { retrieve } from "../../../../edge/home/sessions/context/retrieval.ts";
import { shorten } from "../../../../edge/home/sessions/context/shorten.ts";
import { termsOf } from "../../../../edge/home/sessions/context/terms.ts";
import { estimateTokens } from "../../../../edge/home/sessions/context/tokens.ts";
import type { Turn } from "../../../../shared/sessions/turn.ts";

const turn = (index: number, question: string, answer = "Yes."): Turn => ({
  index,
  createdAtMs: 0,
  model: "m",
  state: "complete",
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ],
});

const NOTHING = { decision: "off" as const, coverage: { older: 0, window: 0 }, pieces: [] };
const PARTS = {
  question: "And now?",
  window: { set: 8, turns: 8 },
  retrieval: NOTHING,
  summary: undefined,
  instructions: "",
  facts: "",
  remembered: undefined,
  maxTokens: undefined,
};

describe("retrieve", () => {
  const older = [
    turn(0, "I planted an oak and a birch in the garden."),
    turn(1, "My sister Ada lives in Porto."),
    turn(2, "我的猫叫小白，它喜欢吃鱼。"),
    turn(3, "What is a good bread recipe?", "Flour, water, salt."),
  ];
  const window = [turn(4, "How is the weather?"), turn(5, "Tell me a joke about weather.")];

  it("finds what a question is about, in words and in Chinese", () => {
    expect(retrieve("Where does my sister Ada live?", older, window)).toMatchObject({
      decision: "needed",
      pieces: [{ index: 1, text: "User: My sister Ada lives in Porto.\nAssistant: Yes." }],
    });
    expect(retrieve("我的猫叫什么？", older, window).pieces.map(({ index }) => index)).toEqual([2]);
    expect(retrieve("Which recipes for bread did we have?", older, window).pieces[0]?.index).toBe(3);
  });

  it("finds nothing where the window says as much, where nobody said it, and where a question is about nothing", () => {
    const said = [...window, turn(6, "My sister Ada lives in Porto, you know.")];
    expect(retrieve("Where does my sister Ada live?", older, said).decision).toBe("not_needed");
    expect(retrieve("What is the capital of France?", older, window).decision).toBe("not_needed");
    for (const empty of ["", "Why?", "And you?", "?!", "好"]) {
      expect(retrieve(empty, older, window)).toMatchObject({ decision: "not_needed", pieces: [] });
    }
    expect(retrieve("Where does my sister Ada live?", [], []).decision).toBe("not_needed");
  });

  it("takes whole sentences of a turn that is long", () => {
    const long = `${"The garden was green and wide. ".repeat(80)}The key lies under the blue stone. ${"It rained. ".repeat(80)}`;
    const [piece] = retrieve("Under which stone lies the key?", [turn(0, long)], window).pieces;
    expect(piece?.text).toContain("User: The key lies under the blue stone.");
    expect(piece?.text.length).toBeLessThanOrEqual(1_200);
    for (const line of piece?.text.split("\n") ?? []) expect(line).toMatch(/\.$/);
  });
});

describe("extractiveSummary", () => {
  it("takes sentences about what is spoken of most, each once, in their order, within the room", () => {
    const texts = [
      "The trip to Lisbon begins on 3 May. Hm.",
      "We booked a hotel in Lisbon near the river. The trip to Lisbon begins on 3 May.",
      "A bird sings outside somewhere.",
      "The trip costs 900 euros for the hotel and the train to Lisbon.",
    ];
    const summary = extractiveSummary(texts, 90);
    expect(summary.split("\n")).toEqual([
      "The trip to Lisbon begins on 3 May.",
      "We booked a hotel in Lisbon near the river.",
    ]);
    expect(extractiveSummary(texts, 10)).toBe("");
    expect(extractiveSummary([], 100)).toBe("");
    expect(extractiveSummary(["我们决定五月去里斯本旅行。好。天气很好。"], 100)).toContain("里斯本");
  });
});

describe("planContext", () => {
  const recent = Array.from({ length: 8 }, (_, n) => turn(n + 10, `Question ${n + 10} of many words.`, "An answer."));

  it("leaves out whole turns, the oldest first, and what was never answered or only thought", () => {
    const all = planContext({ ...PARTS, recent, index: 18, contextLength: 4096 });
    expect(all.messages).toHaveLength(17);
    const few = planContext({ ...PARTS, recent, index: 18, contextLength: 200 });
    expect(few.trace.window.withoutRoom).toBeGreaterThan(0);
    expect(few.trace.estimatedTokens).toBeLessThanOrEqual(150);
    expect(few.messages).toEqual(all.messages.slice(-few.messages.length));
    expect(few.messages[0]).toMatchObject({ role: "user" });
    const failed: Turn = { ...turn(1, "Hello?"), messages: [{ role: "user", content: "Hello?" }], state: "failed" };
    expect(messagesOf(failed)).toEqual([]);
    const thoughts: Turn["messages"] = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Ho", reasoning: "Hm" },
    ];
    expect(messagesOf({ messages: thoughts })[1]).toEqual({ role: "assistant", content: "Ho" });
  });

  it("asks the question in any case, and gives summary and pieces no more than their part", () => {
    const summary = { text: "word ".repeat(400), upTo: 10 };
    const pieces = [{ index: 2, score: 1, text: "User: The key lies there." }];
    const retrieval = { ...NOTHING, decision: "needed" as const, pieces };
    const tight = planContext({ ...PARTS, recent, index: 18, contextLength: 1024, summary, retrieval });
    expect(tight.trace.summary).toBeNull();
    expect(tight.trace.retrieval.pieces).toEqual(pieces);
    const tiny = planContext({
      ...PARTS,
      question: "x ".repeat(500),
      recent,
      index: 18,
      contextLength: 64,
      summary,
      retrieval,
    });
    expect(tiny.messages).toHaveLength(1);
    expect(tiny.trace).toMatchObject({ summary: null, window: { from: 18, to: 18, withoutRoom: 8 } });
  });

  it("grows with the model's context where nobody chose", () => {
    expect([512, 8192, 32_768, 1_000_000].map((length) => windowTurns(8, false, length, 200))).toEqual([8, 8, 32, 64]);
    expect(windowTurns(8, true, 1_000_000, 200)).toBe(8);
    expect(windowTurns(150, false, 1_000_000, 200)).toBe(200);
  });
});

it("shortens by turns, then pieces, then the summary, and gives no more up", () => {
  const recent = [turn(5, "a"), turn(6, "b"), turn(7, "c")];
  const retrieval = { ...NOTHING, decision: "needed" as const, pieces: [{ index: 1, score: 1, text: "User: p" }] };
  const parts = { ...PARTS, recent, index: 8, contextLength: 4096, retrieval, instructions: "Be brief." };
  const planned = planContext({ ...parts, summary: { text: "In short.", upTo: 5 } });
  const seen: [number, number, boolean][] = [];
  let last = { request: { model: "m", sampling: {}, messages: planned.messages }, trace: planned.trace };
  for (let less = shorten(last.request, last.trace); less !== undefined; less = shorten(last.request, last.trace)) {
    const { window, retrieval: found, summary } = less.trace;
    seen.push([window.from, found.pieces.length, summary !== null]);
    last = less;
  }
  expect(seen).toEqual([
    [7, 1, true],
    [8, 1, true],
    [8, 0, true],
    [8, 0, false],
  ]);
  expect(last.request.messages).toEqual([
    { role: "system", content: "Be brief." },
    { role: "user", content: "And now?" },
  ]);
});

it("counts rather more tokens than there are, and reads text of any kind", () => {
  expect(estimateTokens("The quick brown fox jumps over the lazy dog twice.")).toBeGreaterThanOrEqual(11);
  expect(estimateTokens("我喜欢你")).toBe(4);
  expect(estimateTokens("")).toBe(0);
  expect(termsOf("The cats' stories, THE oak-tree & 猫咪")).toEqual(["cat", "story", "oak", "tree", "猫咪"]);
  const hostile = ["\ud800", "a".repeat(100_000), "\n".repeat(10_000), "😀".repeat(1_000), ".".repeat(10_000)];
  for (const text of hostile) expect(estimateTokens(text)).toBeGreaterThan(0);
  expect(extractiveSummary(hostile, 100).length).toBeLessThanOrEqual(100);
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEventQueue } from "../../../node-agent/engine/event-queue.ts";
import { createSkip } from "../../../node-agent/engine/resume.ts";
import { loadRunner } from "../../../node-agent/engine/load-runner.ts";
import type { Runner } from "../../../node-agent/engine/runner.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { type GenerateRequest, generateRequestSchema, type Tool } from "../../../shared/inference/request.ts";
import { ask } from "../../support/engine-events.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { STARTER } from "../../support/engine-starter.ts";

let cacheDir: string;
let runner: Runner;

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "porchlight-resume-"));
  runner = await loadRunner({ folder: STARTER, quantization: "fp32", cacheDir, slots: 4, threads: 1 }, () => {});
});

afterAll(async () => {
  expect(runner.stats()).toMatchObject({ running: 0, waiting: 0 });
  await runner.stop();
  await rm(cacheDir, { recursive: true });
});

/** What of an answer has reached its reader. */
interface Delivered {
  text: string;
  calls: { index: number; name: string; arguments: string }[];
  tokens: number[];
  /** `finish` and `usage`, once they came; or what went wrong. */
  end: object[];
}

const nothing = (): Delivered => ({ text: "", calls: [], tokens: [], end: [] });

/** Runs a request until its end, or until `cut` events of its answer have come; gives the events of the answer. */
function run(request: GenerateRequest, cut = Number.POSITIVE_INFINITY): Promise<GenerateEvent[]> {
  return new Promise((resolve) => {
    const events: GenerateEvent[] = [];
    const handle = runner.start(request, (event) => {
      if (event.type === "progress") {
        if (events.length > 0) throw new Error("progress after the answer has begun");
        if (cut > 0) return;
      } else if (events.length < cut) events.push(event);
      if (events.length < cut && event.type !== "finish" && event.type !== "error") return;
      handle.cancel();
      setImmediate(resolve, events);
    });
  });
}

function deliver(to: Delivered, events: readonly GenerateEvent[]): void {
  for (const event of events) {
    if (event.type === "text") to.text += event.text;
    if (event.type === "tool_call") {
      const { name, arguments: json } = event.call;
      to.calls.push({ index: event.index, name, arguments: json });
    }
    if (event.type === "text" || event.type === "tool_call") to.tokens.push(...(event.tokens ?? []));
    if (event.type === "finish" || event.type === "error") to.end.push(event);
    // How long it took and what was cached may differ.
    if (event.type === "usage") to.end.push([event.promptTokens, event.completionTokens]);
  }
}

function goingOn(request: GenerateRequest, { text, calls, tokens }: Delivered): GenerateRequest {
  return { ...request, resume: { tokens, skip: { characters: text.length, toolCalls: calls.length } } };
}

/** Without what differs from one time to the next. */
function comparable(event: GenerateEvent): object {
  if (event.type === "usage") return [event.promptTokens, event.completionTokens];
  if (event.type === "tool_call") return [event.index, event.call.name, event.call.arguments, event.tokens];
  return event.type === "text" ? [event.text, event.tokens] : event;
}

/** The answer to a request whose machine fails again and again; now and then the last text arrives in part. */
async function interrupted(request: GenerateRequest, random: () => number): Promise<Delivered> {
  const delivered = nothing();
  for (;;) {
    const events = await run(goingOn(request, delivered), Math.floor(random() * 12));
    const isOver = events.at(-1)?.type === "finish";
    if (!isOver && events.at(-1)?.type === "usage") events.pop();
    const last = events.at(-1);
    if (last?.type === "text" && random() < 0.3) {
      const characters = Array.from(last.text);
      const text = characters.slice(0, Math.floor(random() * characters.length)).join("");
      events.splice(-1, 1, { ...last, text });
    }
    deliver(delivered, events);
    if (isOver) return delivered;
  }
}

const TOOLS: Tool[] = [
  { name: "calculator", parameters: { type: "object", properties: { expression: { type: "string" } } } },
  { name: "note", parameters: { type: "object", properties: { title: { type: "string", maxLength: 9 } } } },
];
const seeded = (seed: number) => ({ temperature: 1.5, topP: 0.98, seed });
/** What an answer cannot end before. */
const LONG: GenerateRequest["responseFormat"] = { type: "regex", pattern: "[a-zA-Z ,.]{600,}" };
const SCHEMA = {
  type: "object",
  properties: { name: { type: "string" }, ages: { type: "array", items: { type: "integer" }, maxItems: 4 } },
  required: ["name", "ages"],
};

const CASES: [string, GenerateRequest][] = [
  ["greedy", ask("Hello! Who are you?")],
  ["sampled from a seed", ask("Tell me something.", { maxTokens: 60, sampling: seeded(7) })],
  ["sampled from all tokens", ask("Tell me something.", { maxTokens: 60, sampling: { temperature: 2, seed: 3 } })],
  [
    "penalised and biased",
    ask("Tell me a long story.", {
      maxTokens: 60,
      responseFormat: LONG,
      logitBias: { 300: 2, 301: -100 },
      sampling: { ...seeded(1), repetitionPenalty: 1.3, frequencyPenalty: 0.5, presencePenalty: 0.3 },
    }),
  ],
  [
    "held to a schema",
    ask("Who are you?", {
      maxTokens: 80,
      sampling: seeded(5),
      responseFormat: { type: "json_schema", schema: SCHEMA },
    }),
  ],
  [
    "of characters of many bytes",
    ask("Hello!", { responseFormat: { type: "choice", choices: ["日本語のテキスト 👩‍👩‍👧 und größer: ∮ 🦊🦊"] } }),
  ],
  ["ended by a stop string", ask("Hello! Who are you?", { stop: ["ny nonsense", "ships with", "model th"] })],
  [
    "of several tool calls",
    ask("What is 4839*271?", { tools: TOOLS, toolChoice: "required", maxTokens: 200, sampling: seeded(11) }),
  ],
  ["of text or tool calls", ask("What is 4839*271?", { tools: TOOLS })],
  ["with probabilities", ask("Hello! Who are you?", { topLogprobs: 2, maxTokens: 20 })],
];

describe("an answer that goes on where another broke off", () => {
  it.each(CASES)("equals the undisturbed one: %s", async (name, plain) => {
    const request = { ...plain, tokenIds: true };
    const whole = nothing();
    deliver(whole, await run(request));
    expect(whole.text.length + whole.calls.length).toBeGreaterThan(0);
    const random = seededRandom(name.length);
    for (let i = 0; i < 3; i++) expect(await interrupted(request, random)).toEqual(whole);
  });

  // A reader may be ahead of what was written down: its number must mean the same when that part is made again.
  it.each(CASES)("is cut into the same events: %s", async (_, plain) => {
    const request = { ...plain, tokenIds: true };
    const whole = await run(request);
    const answer = whole.filter(({ type }) => type === "text" || type === "tool_call");
    for (let cut = 1; cut < answer.length; cut += 9) {
      const delivered = nothing();
      deliver(delivered, whole.slice(0, cut));
      const rest = await run(goingOn(request, delivered));
      expect(rest.map(comparable)).toEqual(whole.slice(cut).map(comparable));
    }
  });

  it("computes what was said in chunks, like a prompt, and uses prefixes that are known", async () => {
    const request = ask("Hm.", { maxTokens: 150, tokenIds: true, sampling: seeded(2), responseFormat: LONG });
    const whole = nothing();
    deliver(whole, await run(request));
    expect(whole.tokens.length).toBeGreaterThan(100);
    const part = { ...nothing(), tokens: whole.tokens.slice(0, 90) };
    const before = runner.stats();
    deliver(part, (await run(goingOn(request, part), 5)).slice(0, 5));
    const after = runner.stats();
    expect(after.decodeTokens - before.decodeTokens).toBeLessThan(20);
    expect(after.prefillTokens - before.prefillTokens).toBeLessThan(20);
    expect(after.cachedTokens - before.cachedTokens).toBeGreaterThan(90);
    expect(whole.text.startsWith(part.text)).toBe(true);
    expect(part.tokens).toEqual(whole.tokens.slice(0, part.tokens.length));
  });

  it("ends at once where it had ended, and never goes on behind an end", async () => {
    const whole = nothing();
    const request = ask("Hello! Who are you?", { tokenIds: true, maxTokens: 12 });
    deliver(whole, await run(request));
    const { decodeTokens, prefillTokens } = runner.stats();
    const again = nothing();
    deliver(
      again,
      await run({ ...request, resume: { tokens: [...whole.tokens, 5, 5], skip: { characters: 0, toolCalls: 0 } } }),
    );
    expect(again).toEqual({ ...whole, tokens: [] });
    expect(runner.stats()).toMatchObject({ decodeTokens, prefillTokens });
  });

  it("refuses tokens that cannot have been its answer", async () => {
    const skip = { characters: 0, toolCalls: 0 };
    const unknown = await run(ask("Hello!", { resume: { tokens: [4, 4096], skip } }));
    expect(unknown).toMatchObject([{ type: "error", error: { code: "invalid_request", param: "resume" } }]);
    const responseFormat = { type: "regex", pattern: "[0-9]+" } as const;
    const unfit = await run(ask("Hello!", { responseFormat, resume: { tokens: [400, 401, 402], skip } }));
    expect(unfit).toMatchObject([{ type: "error", error: { code: "invalid_request", param: "resume" } }]);
    const hostile = [
      { tokens: [-1], skip },
      { tokens: [0.5], skip },
      { tokens: Array.from({ length: 300_000 }, () => 1), skip },
    ];
    for (const resume of hostile) {
      expect(generateRequestSchema.safeParse({ ...ask("Hello!"), resume }).success).toBe(false);
    }
    expect(generateRequestSchema.safeParse({ ...ask("Hi"), resume: { tokens: [] } }).success).toBe(false);
  });

  it("keeps apart for a slow reader what carries tokens, and puts together what does not", async () => {
    const queue = createEventQueue();
    const events: GenerateEvent[] = [
      { type: "text", text: "a", tokens: [1] },
      { type: "text", text: "b", tokens: [2, 3] },
      { type: "text", text: "c" },
      { type: "text", text: "d" },
      { type: "finish", reason: "stop" },
    ];
    for (const event of events) queue.push(event);
    const read: GenerateEvent[] = [];
    for await (const event of queue.read(new AbortController().signal)) read.push(event);
    expect(read).toEqual([...events.slice(0, 2), { type: "text", text: "cd" }, events[4]]);
  });

  it("never gives out half a character", () => {
    const skip = createSkip({ characters: 3, toolCalls: 0 });
    expect(skip({ type: "text", text: "a" })).toBeNull();
    expect(skip({ type: "text", text: "b🦊c" })).toEqual({ type: "text", text: "c" });
    expect(skip({ type: "text", text: "d" })).toEqual({ type: "text", text: "d" });
  });
});

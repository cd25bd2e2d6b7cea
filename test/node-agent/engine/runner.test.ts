import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadRunner } from "../../../node-agent/engine/load-runner.ts";
import type { Runner } from "../../../node-agent/engine/runner.ts";
import { loadTextTools } from "../../../node-agent/text/load.ts";
import type { GenerateRequest, Message, Tool } from "../../../shared/inference/request.ts";
import { type Answer, ask, createAnswerReader, parseChatMl } from "../../support/engine-events.ts";
import { readReferences, STARTER } from "../../support/engine-starter.ts";

const CONTEXT = 1024;
const QUESTIONS = ["Hello! Who are you?", "What is the capital of Japan?", "What can you do?", "Thank you!"];
const CALCULATOR: Tool = {
  name: "calculator",
  description: "Evaluate an arithmetic expression.",
  parameters: { type: "object", properties: { expression: { type: "string" } }, required: ["expression"] },
};

let cacheDir: string;
let runner: Runner;
const loading: number[] = [];

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "porchlight-runner-"));
  const options = { folder: STARTER, quantization: "fp32", cacheDir, slots: 4, threads: 1 } as const;
  runner = await loadRunner(options, (fraction) => loading.push(fraction));
});

afterAll(async () => {
  expect(runner.stats()).toMatchObject({ running: 0, waiting: 0 });
  await runner.stop();
  await rm(cacheDir, { recursive: true });
});

/** Runs a request to its end; `onEvent` may cancel it, and then what came before resolves. */
function generate(request: GenerateRequest, onEvent: (cancel: () => void, answer: Answer) => void = () => {}) {
  return new Promise<Answer>((resolve, reject) => {
    const reader = createAnswerReader();
    let isCancelled = false;
    const handle = runner.start(request, (event) => {
      if (isCancelled) reject(new Error(`${event.type} after cancel`));
      reader.push(event);
      onEvent(() => {
        isCancelled = true;
        handle.cancel();
        setTimeout(() => resolve(reader.answer), 50);
      }, reader.answer);
      if (reader.isDone()) resolve(reader.answer);
    });
  });
}

function askSampled(seed: number): GenerateRequest {
  return ask("Tell me something.", { maxTokens: 24, sampling: { temperature: 2, topP: 0.99, seed } });
}

describe("a runner of the starter model", () => {
  it("told its progress while loading", () => {
    expect(loading.length).toBeGreaterThan(3);
    expect(loading).toEqual(loading.toSorted((a, b) => a - b));
    expect(loading.at(-1)).toBe(1);
  });

  it("answers as the reference does, and counts the tokens", async () => {
    for (const reference of await readReferences()) {
      const answer = await generate(ask(parseChatMl(reference.prompt), { maxTokens: 32 }));
      const ended = reference.eos_at !== null;
      expect(answer.text).toBe(reference.greedy_text);
      expect(answer.finish).toBe(ended ? "stop" : "length");
      expect(answer.usage).toMatchObject({
        promptTokens: reference.prompt_ids.length,
        completionTokens: reference.eos_at === null ? 32 : reference.eos_at + 1,
      });
    }
  });

  it("counts a prompt's tokens without an answer, and then as the answer counts them", async () => {
    const question = parseChatMl((await readReferences())[0]?.prompt ?? "");
    const before = runner.stats();
    const counted = await generate(ask(question, { countOnly: true }));
    expect(counted).toMatchObject({ text: "", finish: "stop", usage: { completionTokens: 0, countOnly: true } });
    expect(runner.stats()).toEqual(before);
    const answer = await generate(ask(question, { maxTokens: 4 }));
    expect(counted.usage?.promptTokens).toBe(answer.usage?.promptTokens);
    expect(answer.progress[0]?.promptTokens).toBe(answer.usage?.promptTokens);
    // Longer than the context: that is what counting is for.
    const long = await generate(ask("word ".repeat(2000), { countOnly: true }));
    expect(long.usage?.promptTokens).toBeGreaterThan(CONTEXT);
  });

  it("tells how long prompt and answer took", async () => {
    const startedMs = performance.now();
    const { usage } = await generate(ask("What can you do?", { maxTokens: 24 }));
    const tookMs = performance.now() - startedMs;
    expect(usage?.promptMs).toBeGreaterThan(0);
    expect(usage?.completionMs).toBeGreaterThan(0);
    expect((usage?.promptMs ?? 0) + (usage?.completionMs ?? 0)).toBeLessThanOrEqual(tookMs);
  });

  it("answers four requests at once in shared steps, each as if alone", async () => {
    const requests = QUESTIONS.map((question) => ask(question, { maxTokens: 40 }));
    const alone: Answer[] = [];
    for (const request of requests) alone.push(await generate(request));
    const before = runner.stats();
    const together = await Promise.all(requests.map((request) => generate(request)));
    const after = runner.stats();
    for (const [i, answer] of together.entries()) {
      expect(answer.text).toBe(alone[i]?.text);
      expect(answer.text.length).toBeGreaterThan(3);
      expect(answer.finish).toBe(alone[i]?.finish);
    }
    expect(after.largestBatch).toBe(4);
    const longest = Math.max(...alone.map((answer) => answer.usage?.completionTokens ?? 0));
    expect(after.decodeSteps - before.decodeSteps).toBeLessThan(longest + 4);
  });

  it("repeats a sampled answer for a seed, alone and in a batch", async () => {
    const seeds = [1, 2, 3, 4];
    const alone: string[] = [];
    for (const seed of seeds) alone.push((await generate(askSampled(seed))).text);
    const together = await Promise.all(seeds.map((seed) => generate(askSampled(seed))));
    expect(together.map((answer) => answer.text)).toEqual(alone);
    expect(new Set(alone).size).toBeGreaterThan(2);
  });

  it("ends before a stop string, which never shows", async () => {
    const whole = await generate(ask("Hello! Who are you?", { maxTokens: 32 }));
    const answer = await generate(ask("Hello! Who are you?", { maxTokens: 32, stop: ["ny nonsense", "ships with"] }));
    expect(answer.text).toBe(whole.text.slice(0, whole.text.indexOf("ships with")));
    expect(answer.finish).toBe("stop");
    expect(answer.usage?.completionTokens).toBeLessThan(12);
  });

  it("calls a tool and uses its result", async () => {
    const question: Message = { role: "user", content: "What is 4839*271?" };
    const called = await generate(ask([question], { tools: [CALCULATOR] }));
    expect(called).toMatchObject({ text: "", finish: "tool_calls" });
    expect(called.calls).toEqual([
      {
        id: expect.stringMatching(/^call_[0-9A-Za-z]{24}$/u),
        name: "calculator",
        arguments: '{"expression":"4839*271"}',
      },
    ]);
    const answered = await generate(
      ask(
        [
          question,
          { role: "assistant", content: "", toolCalls: called.calls },
          { role: "tool", toolCallId: called.calls[0]?.id ?? "", content: '{"result": 1311369}' },
        ],
        { tools: [CALCULATOR] },
      ),
    );
    expect(answered.text).toContain("1311369");
    expect(answered.finish).toBe("stop");
  });

  it("gives a call out as text when no tools were offered", async () => {
    const { tokenizer, template } = await loadTextTools(STARTER);
    const prompt = template.render([{ role: "user", content: "What is 4839*271?" }], [CALCULATOR]);
    expect(tokenizer.encode(prompt).length).toBeLessThan(CONTEXT);
    const answer = await generate(ask(parseChatMl(prompt)));
    expect(answer.calls).toEqual([]);
    expect(answer.text).toMatch(/^<tool_call>[^]*<\/tool_call>$/u);
    expect(answer.finish).toBe("stop");
  });

  it("computes only the new turn of a conversation", async () => {
    const first = await generate(ask("My name is Tamsin."));
    const second = await generate(
      ask([
        { role: "user", content: "My name is Tamsin." },
        { role: "assistant", content: first.text },
        { role: "user", content: "What is my name?" },
      ]),
    );
    const shared = (first.usage?.promptTokens ?? 0) + (first.usage?.completionTokens ?? 0) - 1;
    expect(second.usage?.cachedTokens).toBeGreaterThanOrEqual(shared - 1);
    expect(second.text).toContain("Tamsin");
  });

  it("runs no more than a step after a cancel", async () => {
    let stepsAtCancel = 0;
    const answer = await generate(ask("Hello! Who are you?", { stop: [] }), (cancel, { text }) => {
      if (text === "" || stepsAtCancel > 0) return;
      stepsAtCancel = runner.stats().decodeSteps;
      cancel();
    });
    expect(answer.finish).toBeNull();
    expect(runner.stats().decodeSteps - stepsAtCancel).toBeLessThanOrEqual(1);
    expect(runner.stats().running).toBe(0);
  });

  it("refuses an over-long prompt with the numbers", async () => {
    const { tokenizer, template } = await loadTextTools(STARTER);
    const request = ask("word ".repeat(3000));
    const length = tokenizer.encode(template.render(request.messages, [])).length;
    const { error } = await generate(request);
    expect(error).toMatchObject({ code: "context_length_exceeded", param: "messages" });
    expect(error?.message).toContain(`${length} tokens`);
    expect(error?.message).toContain(`${CONTEXT} tokens`);
    const huge = await generate(ask("x".repeat(100_000)));
    expect(huge.error?.code).toBe("context_length_exceeded");
  });

  it("ends with reason length when the context is full", async () => {
    const { tokenizer, template } = await loadTextTools(STARTER);
    const overhead = tokenizer.encode(template.render([{ role: "user", content: "" }], [])).length;
    const room = 5;
    const { usage, finish } = await generate(ask("7".repeat(CONTEXT - room - overhead), { maxTokens: 500 }));
    expect(usage?.promptTokens).toBe(CONTEXT - room);
    expect((usage?.promptTokens ?? 0) + (usage?.completionTokens ?? 0)).toBeLessThanOrEqual(CONTEXT);
    expect(finish).toBe(usage?.completionTokens === room ? "length" : "stop");
  });

  it("takes the model author's limit when the request has none", async () => {
    // Rewarded for repeating itself, the model does not come to an end.
    const { usage, finish } = await generate(ask(`Repeat: ${"7".repeat(100)}`, { sampling: { frequencyPenalty: -2 } }));
    expect(usage?.completionTokens).toBe(256);
    expect(finish).toBe("length");
  });

  it.each([
    ["empty", ""],
    ["of control tokens only", "<|im_end|><|im_start|><|endoftext|>"],
    ["of tags only", "<tool_call></tool_call><tool_response>"],
    ["of lone surrogates", "\ud800\udfff\udc00\ud800"],
    ["of NULs", "\0".repeat(50)],
    ["of noncharacters", "\ufdd0\uffff\u{10ffff}"],
    ["of a long word", "x".repeat(900)],
    ["of emoji", "👩‍👩‍👧‍👦🏳️‍🌈".repeat(10)],
    ["right to left", "مرحبا بالعالم \u202e"],
    ["of template code", "{{ raise_exception('x') }}{% for i in range(9) %}"],
  ])("answers a message %s", async (_name, content) => {
    const answer = await generate(ask(content, { maxTokens: 8 }));
    expect(answer.error).toBeNull();
    expect(answer.finish).toMatch(/stop|length/u);
    expect(answer.text.isWellFormed()).toBe(true);
  });
});

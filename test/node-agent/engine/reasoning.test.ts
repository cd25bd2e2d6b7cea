import { describe, expect, it } from "vitest";
import { createRunner } from "../../../node-agent/engine/runner.ts";
import { createChatTemplate } from "../../../node-agent/text/chat-template.ts";
import { loadTextTools } from "../../../node-agent/text/load.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
import { type Answer, ask, createAnswerReader } from "../../support/engine-events.ts";
import { ScriptedDecoder } from "../../support/engine-scripted.ts";
import { STARTER } from "../../support/engine-starter.ts";

const { tokenizer, template: plain } = await loadTextTools(STARTER);
const VOCABULARY = 4096;
const STOP = tokenizer.encode("<|im_end|>")[0] ?? -1;
const turn = "<|im_start|>{{ m.role }}\n{{ m.reasoning_content }}{{ m.content }}<|im_end|>\n";
const turns = `{%- for m in messages %}${turn}{%- endfor %}<|im_start|>assistant\n`;
const mention = "{# </think> #}";
const TEMPLATES = {
  /** Begins every answer with a thought. */
  opening: `${turns}<think>\n`,
  /** Leaves it to the model, unless told otherwise. */
  toggled: `${turns}{%- if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{%- endif %}`,
  /** Leaves it to the model. */
  free: `${mention}${turns}`,
};

const textOf = (tokens: readonly number[]): string =>
  Buffer.concat(tokens.map((token) => tokenizer.bytesOf(token))).toString();

/** Says this text token by token, then ends. */
function saying(text: string): (answer: readonly number[]) => number {
  const script = [...tokenizer.encode(text), STOP];
  return (answer) => script[answer.length] ?? STOP;
}

/** Thinks until the thoughts are closed for it, then says this. */
function thinkingFor(answer: string, thought = tokenizer.encode("h")[0] ?? 0): (soFar: readonly number[]) => number {
  const script = [...tokenizer.encode(answer), STOP];
  return (soFar) => {
    const end = soFar.findIndex((_, i) => textOf(soFar.slice(0, i + 1)).includes("</think>"));
    return end === -1 ? thought : (script[soFar.length - end - 1] ?? STOP);
  };
}

interface Model {
  template?: keyof typeof TEMPLATES | "plain" | undefined;
  next: (answer: readonly number[]) => number;
}

async function generate(
  { template = "opening", next }: Model,
  changes: Partial<GenerateRequest> = {},
): Promise<Answer> {
  const runner = createRunner({
    tokenizer,
    template:
      template === "plain"
        ? plain
        : createChatTemplate({ chat_template: TEMPLATES[template] }, undefined, tokenizer.added),
    decoder: new ScriptedDecoder(VOCABULARY, next),
    defaults: { temperature: 0 },
    stopTokens: new Set([STOP]),
    draftTokens: 0,
  });
  const reader = createAnswerReader();
  const { promise, resolve } = Promise.withResolvers<void>();
  runner.start(ask("hi", { maxTokens: 120, ...changes }), (event) => {
    reader.push(event);
    if (reader.isDone()) resolve();
  });
  await promise;
  await runner.stop();
  return reader.answer;
}

describe("a model that thinks", () => {
  it.each<[Model["template"], string]>([
    ["opening", "It is 2.\n</think>\n\nTwo."],
    ["toggled", "<think>\nIt is 2.\n</think>\n\nTwo."],
    ["free", "<think>It is 2.</think>Two."],
  ])("has its thoughts apart from its answer (template: %s)", async (template, said) => {
    const answer = await generate({ template, next: saying(said) });
    expect(answer).toMatchObject({ reasoning: "It is 2.", text: "Two.", finish: "stop" });
    const { reasoningTokens = 0, completionTokens = 0 } = answer.usage ?? {};
    expect(reasoningTokens).toBeGreaterThan(3);
    // The rest: what opens the thoughts, where the model writes that itself, the answer, and the stop token.
    expect(completionTokens - reasoningTokens).toBeLessThanOrEqual(tokenizer.encode("<think>\n\n\nTwo.").length + 1);
  });

  it("that does not this time has none", async () => {
    const answer = await generate({ template: "free", next: saying("Two.") });
    expect(answer).toMatchObject({ reasoning: "", text: "Two.", usage: { reasoningTokens: 0 } });
  });

  it("meets neither stop strings nor calls of tools in its thoughts, and tells probabilities of the answer only", async () => {
    const call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>';
    const answer = await generate(
      { next: saying(`STOP, maybe.</think>Go STOP here`) },
      { stop: ["STOP"], topLogprobs: 0 },
    );
    expect(answer).toMatchObject({ reasoning: "STOP, maybe.", text: "Go ", finish: "stop" });
    const tools = [{ name: "f" }];
    const thought = await generate({ next: saying(`Shall I? ${call}</think>${call}`) }, { tools });
    expect(thought).toMatchObject({
      reasoning: `Shall I? ${call}`,
      text: "",
      calls: [{ name: "f" }],
      finish: "tool_calls",
    });
  });

  it("that never stops thinking is stopped by its budget, and answers", async () => {
    const answer = await generate({ next: thinkingFor("Two.") }, { reasoning: { maxTokens: 10 } });
    expect(answer).toMatchObject({ reasoning: "hhhhhhhhhh", text: "Two.", finish: "stop" });
    const none = await generate({ next: thinkingFor("Two.") }, { reasoning: { maxTokens: 0 } });
    expect(none).toMatchObject({ reasoning: "", text: "Two." });
    const cut = await generate({ next: thinkingFor("Two.") }, { maxTokens: 20 });
    expect(cut).toMatchObject({ text: "", finish: "length", usage: { reasoningTokens: 20 } });
  });

  it("is held to a form only behind its thoughts, which it cannot end the answer in", async () => {
    const responseFormat = {
      type: "json_schema" as const,
      schema: { type: "object", properties: { n: { const: 2 } }, required: ["n"], additionalProperties: false },
    };
    for (const [template, said] of [
      ["opening", 'Free words.</think>{"n":2}'],
      ["toggled", '{"n":2}'],
    ] as const) {
      const answer = await generate({ template, next: saying(said) }, { responseFormat });
      expect(JSON.parse(answer.text)).toEqual({ n: 2 });
      expect(answer.reasoning).toBe(template === "opening" ? "Free words." : "");
    }
    // It would end at once; the form has not begun.
    const next = thinkingFor('{"n":2}', STOP);
    const hasty = await generate({ next }, { responseFormat, reasoning: { maxTokens: 3 } });
    expect(JSON.parse(hasty.text)).toEqual({ n: 2 });
  });

  it.each<Model["template"]>(["opening", "toggled", "free"])(
    "does not when it is told not to (template: %s)",
    async (template) => {
      const answer = await generate({ template, next: saying("Two.") }, { reasoning: { enabled: false } });
      expect(answer).toMatchObject({ reasoning: "", text: "Two.", finish: "stop" });
    },
  );

  it("goes on in the middle of a thought where another broke off", async () => {
    const said = saying("One and two make three.</think>Three.");
    const whole = await generate({ next: said });
    const tokens = tokenizer.encode("One and two make three.</think>Three.");
    for (const count of [0, 2, tokens.length - 1]) {
      const characters = { ...split(tokens.slice(0, count)), toolCalls: 0 };
      const resume = { tokens: tokens.slice(0, count), skip: characters };
      const rest = await generate({ next: (answer) => said([...resume.tokens, ...answer]) }, { resume });
      expect(whole.reasoning.slice(characters.reasoningCharacters)).toBe(rest.reasoning);
      expect(whole.text.slice(characters.characters)).toBe(rest.text);
    }
  });
});

/** What a reader of these tokens has seen. */
function split(tokens: readonly number[]): { reasoningCharacters: number; characters: number } {
  const [thought = "", text = ""] = textOf(tokens).split("</think>");
  return { reasoningCharacters: thought.replace(/<?\/?[a-z]*$/u, "").trimEnd().length, characters: text.length };
}

describe("a model that does not think", () => {
  it("says so when it is told to", async () => {
    const answer = await generate({ template: "plain", next: saying("Two.") }, { reasoning: { enabled: true } });
    expect(answer.error).toMatchObject({ code: "unsupported_parameter", param: "reasoning" });
  });

  it("may be told not to, and its words are its own", async () => {
    const words = "<think>x</think>y";
    const answer = await generate({ template: "plain", next: saying(words) }, { reasoning: { enabled: false } });
    expect(answer).toMatchObject({ reasoning: "", text: words });
    expect(answer.usage).not.toHaveProperty("reasoningTokens");
  });
});

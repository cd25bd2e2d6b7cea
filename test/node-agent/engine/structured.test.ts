import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadRunner } from "../../../node-agent/engine/load-runner.ts";
import { createRandom } from "../../../node-agent/engine/random.ts";
import type { Runner } from "../../../node-agent/engine/runner.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
import { type Answer, ask, createAnswerReader } from "../../support/engine-events.ts";
import { STARTER } from "../../support/engine-starter.ts";
import { randomSchema } from "../../support/random-schema.ts";

let cacheDir: string;
let runner: Runner;

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "porchlight-structured-"));
  runner = await loadRunner({ folder: STARTER, quantization: "fp32", cacheDir, slots: 4, threads: 1 }, () => {});
});

afterAll(async () => {
  await runner.stop();
  await rm(cacheDir, { recursive: true });
});

function generate(request: GenerateRequest, hear: (event: GenerateEvent) => void = () => {}): Promise<Answer> {
  return new Promise((resolve) => {
    const reader = createAnswerReader();
    runner.start(request, (event) => {
      hear(event);
      reader.push(event);
      if (reader.isDone()) resolve(reader.answer);
    });
  });
}

const hello = (more: Partial<GenerateRequest>): GenerateRequest =>
  ask("Hello! Who are you?", { sampling: { temperature: 0 }, ...more });

describe("an answer held to a form", () => {
  it("equals the plain one where that is of the form already", async () => {
    const plain = await generate(hello({}));
    expect(plain.text.length).toBeGreaterThan(20);
    const forms: GenerateRequest["responseFormat"][] = [
      { type: "regex", pattern: "(?:.|\\n)*" },
      { type: "choice", choices: ["Hm.", plain.text, `${plain.text} And more.`] },
      { type: "grammar", grammar: "root ::= [^<>]* | [0-9]+" },
    ];
    for (const responseFormat of forms) {
      const held = await generate(hello({ responseFormat }));
      expect({ text: held.text, finish: held.finish }).toEqual({ text: plain.text, finish: plain.finish });
    }
    const tools = [{ name: "noop", parameters: { type: "object", properties: {} } }];
    const none = await generate(hello({ tools, toolChoice: "none" }));
    expect(none.text).toBe(plain.text);
  });

  it("is valid for random schemas, and the same for a seed alone and in a batch", async () => {
    const random = createRandom(11);
    const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false });
    const requests = Array.from({ length: 8 }, (_, seed) => {
      const schema = randomSchema(random);
      const sampling = { temperature: seed % 2, seed };
      return { schema, request: hello({ sampling, maxTokens: 120, responseFormat: { type: "json_schema", schema } }) };
    });
    const together = await Promise.all(requests.map(({ request }) => generate(request)));
    let ended = 0;
    for (const [i, { schema, request }] of requests.entries()) {
      const answer = together[i];
      if (i < 3) expect((await generate(request)).text).toBe(answer?.text);
      expect(answer?.error).toBeNull();
      if (answer?.finish !== "stop") continue;
      ended++;
      expect(ajv.validate(schema, JSON.parse(answer.text)), `${JSON.stringify(schema)} ${answer.text}`).toBe(true);
    }
    expect(ended).toBeGreaterThan(4);
  });

  it("gives an error instead of a form that cannot be held to, and goes on", async () => {
    // Two ways at each of twenty steps, told apart only at the end.
    const steps = Array.from({ length: 20 }, (_, i) => `r${i} ::= "a" r${i + 1} "b" | "a" r${i + 1} "c"`);
    const grammar = `root ::= r0\n${steps.join("\n")}\nr20 ::= "z"`;
    const stuck = await generate(hello({ responseFormat: { type: "grammar", grammar } }));
    expect(stuck.error).toMatchObject({ code: "invalid_request" });
    expect(stuck.error?.message).toContain("too many ways");
    const wrong = await generate(hello({ responseFormat: { type: "regex", pattern: "(" } }));
    expect(wrong.error).toMatchObject({ code: "invalid_request", param: "response_format" });
    const bias = await generate(hello({ logitBias: { 4096: 1 } }));
    expect(bias.error).toMatchObject({ code: "invalid_request", param: "logit_bias" });
    expect((await generate(hello({}))).finish).toBe("stop");
  });

  it("tells log probabilities that are those of the model, whatever the constraint", async () => {
    const read = async (more: Partial<GenerateRequest>) => {
      const tokens: { token: string; logprob: number; top: { token: string }[] }[] = [];
      await generate(hello({ topLogprobs: 2, maxTokens: 5, ...more }), (event) => {
        if (event.type === "text") tokens.push(...(event.logprobs ?? []));
      });
      return tokens;
    };
    const [plain] = await read({});
    const [held] = await read({ responseFormat: { type: "choice", choices: ["zzz"] } });
    expect(plain?.top[0]?.token).toBe(plain?.token);
    expect(held?.top).toEqual(plain?.top);
    expect(held?.logprob).toBeLessThan(plain?.logprob ?? 0);
  });
});

import OpenAI from "openai";
import { expect, it } from "vitest";
import { createInferenceApi } from "../../../shared/api/inference-api.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
import { noEmbeddings } from "../../support/no-embeddings.ts";
import { MODEL } from "./support.ts";

const token = (text: string, logprob: number, ...others: string[]) => ({
  token: text,
  bytes: [...new TextEncoder().encode(text)],
  logprob,
  top: others.map((other, rank) => ({ token: other, bytes: [], logprob: logprob - rank })),
});
const SAID: GenerateEvent[] = [
  { type: "text", text: " upon", logprobs: [token(" up", -0.5, " up", " in"), token("on", -0.25, "on")] },
  { type: "text", text: " a", logprobs: [token(" a", -1, " a", " the")] },
  { type: "usage", promptTokens: 1, completionTokens: 3, cachedTokens: 0, reasoningTokens: 0 },
  { type: "finish", reason: "length" },
];

/** A client over an API that says this, and what was asked of it. */
function clientOver(events: readonly GenerateEvent[]): { client: OpenAI; asked: GenerateRequest[] } {
  const asked: GenerateRequest[] = [];
  const api = createInferenceApi({
    backend: () => ({
      listModels: async () => [MODEL],
      embed: noEmbeddings,
      async *generate(request) {
        asked.push(request);
        yield* events;
      },
    }),
  });
  const fetch = async (url: string | URL | Request, init?: RequestInit) => await api.request(new Request(url, init));
  return { client: new OpenAI({ apiKey: "key", baseURL: "http://localhost/v1", maxRetries: 0, fetch }), asked };
}

it("tells the probability of each token and where it begins, whole and streamed", async () => {
  const { client, asked } = clientOver(SAID);
  const body = { model: "m", prompt: "Once", logprobs: 2 };
  const [whole] = (await client.completions.create(body)).choices;
  expect(asked[0]?.topLogprobs).toBe(2);
  expect(whole).toMatchObject({
    text: " upon a",
    logprobs: {
      tokens: [" up", "on", " a"],
      token_logprobs: [-0.5, -0.25, -1],
      top_logprobs: [{ " up": -0.5, " in": -1.5 }, { on: -0.25 }, { " a": -1, " the": -2 }],
      text_offset: [0, 3, 5],
    },
  });
  const offsets: number[] = [];
  for await (const { choices } of await client.completions.create({ ...body, stream: true })) {
    offsets.push(...(choices[0]?.logprobs?.text_offset ?? []));
  }
  expect(offsets).toEqual([0, 3, 5]);
  const plain = clientOver(SAID.map((event) => (event.type === "text" ? { type: "text", text: event.text } : event)));
  expect((await plain.client.completions.create({ model: "m", prompt: "Once" })).choices[0]?.logprobs).toBeNull();
  expect(plain.asked[0]?.topLogprobs).toBeUndefined();
});

it("says the prompt first where it is asked to, once for each choice, also of an answer without text", async () => {
  const { client } = clientOver(SAID);
  const body = { model: "m", prompt: "Once", echo: true, n: 2 };
  const whole = await client.completions.create(body);
  expect(whole.choices.map(({ text }) => text)).toEqual(["Once upon a", "Once upon a"]);
  const texts = ["", ""];
  for await (const { choices } of await client.completions.create({ ...body, stream: true })) {
    for (const { index, text } of choices) texts[index] += text;
  }
  expect(texts).toEqual(["Once upon a", "Once upon a"]);
  const silent = clientOver(SAID.filter(({ type }) => type !== "text"));
  let text = "";
  const stream = await silent.client.completions.create({ model: "m", prompt: "Once", echo: true, stream: true });
  for await (const { choices } of stream) text += choices[0]?.text ?? "";
  expect(text).toBe("Once");
  const both = client.completions.create({ model: "m", prompt: "Once", echo: true, logprobs: 0 });
  await expect(both).rejects.toMatchObject({ status: 400, code: "unsupported_parameter", param: "logprobs" });
});

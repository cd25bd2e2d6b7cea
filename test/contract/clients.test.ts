import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadLocalKey } from "../../node-agent/agent/local-api.ts";
import { aiChecks } from "../support/clients/ai.ts";
import { anthropicChecks } from "../support/clients/anthropic.ts";
import { CONVERSATIONS, DIALECTS } from "../support/clients/conversations.ts";
import { openaiChecks } from "../support/clients/openai.ts";
import { langchainChecks } from "../support/clients/langchain.ts";
import { ollamaChecks } from "../support/clients/ollama.ts";
import type { Checks, Place } from "../support/clients/place.ts";
import { referenceFolder } from "../support/embedding-vectors.ts";
import { engineLoad } from "../support/engine-load.ts";
import { startStack, type TestStack } from "../support/stack.ts";

/** Client packages as they are published, against real processes with the starter model. */
const CLIENTS: Record<string, Checks> = {
  openai: openaiChecks,
  "@anthropic-ai/sdk": anthropicChecks,
  ollama: ollamaChecks,
  ai: aiChecks,
  "@langchain/openai": langchainChecks,
};

let stack: TestStack;
const places: Record<string, Place> = {};
beforeAll(async () => {
  stack = await startStack({ vectors: referenceFolder("bert-mean") });
  const running = async () => (await engineLoad(stack.localUrl, stack.folder.localKey)).running;
  places["through the edge"] = { origin: stack.origin, apiKey: stack.apiKey, running };
  places["at home"] = { origin: stack.localUrl, apiKey: await loadLocalKey(stack.folder.localKey), running };
});
afterAll(async () => {
  await stack?.stop();
});

for (const [client, checks] of Object.entries(CLIENTS)) {
  describe.each(["through the edge", "at home"])(`${client}, %s`, (where) => {
    it.each(Object.entries(checks))("%s", async (_feature, check) => {
      const place = places[where];
      if (place === undefined) throw new Error(`nothing runs ${where}`);
      await check(place);
    });
  });
}

describe.each(["through the edge", "at home"])("the same conversation, %s", (where) => {
  it.each(CONVERSATIONS)("has the same answer and usage in every dialect: $question $tool", async (conversation) => {
    const place = places[where];
    if (place === undefined) throw new Error(`nothing runs ${where}`);
    const outcomes = await Promise.all(Object.values(DIALECTS).map((ask) => ask(place, conversation)));
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
    expect(outcomes[0]?.promptTokens).toBeGreaterThan(10);
    expect(outcomes[0]?.calls).toEqual(
      conversation.tool === "offered" ? [{ name: "get_weather", input: { city: "Paris" } }] : [],
    );
  });
});

import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { type Identity, pair, saying, TestAgent, writeEvents } from "../support/agent.ts";
import { chat, dataOf, modelOnline, textOf } from "../support/chat.ts";
import { errorOf, type Owner, setUp } from "../support/edge.ts";

let owner: Owner;
let identity: Identity;

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
});

async function connect(
  ...[answer, models]: [Parameters<typeof TestAgent.connect>[1], Parameters<typeof TestAgent.connect>[2]?]
) {
  const agent = await TestAgent.connect(identity, answer, models);
  await modelOnline(owner.apiKey, "starter");
  return agent;
}

it("answers through the tunnel, whole and streamed", async () => {
  const agent = await connect(saying("Hel", "lo"));
  const whole = await chat(owner.apiKey);
  expect(whole.status).toBe(200);
  expect(await whole.json()).toMatchObject({
    choices: [{ message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  });
  const streamed = await chat(owner.apiKey, { stream: true });
  const payloads = dataOf(await streamed.text());
  expect(textOf(payloads)).toBe("Hello");
  expect(payloads.at(-1)).toBe("[DONE]");
  agent.close();
});

it("resets the agent's stream at once when the client goes away", async () => {
  const reset = Promise.withResolvers<number>();
  const agent = await connect(async (_request, stream, signal) => {
    signal.addEventListener("abort", () => reset.resolve(performance.now()));
    await writeEvents(stream, { type: "text", text: "a" });
    await new Promise(() => undefined);
  });
  const response = await chat(owner.apiKey, { stream: true });
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await reset.promise;
  agent.close();
});

it("generates after the object was evicted and the socket hibernated", async () => {
  const agent = await connect(saying("one"));
  expect((await chat(owner.apiKey)).status).toBe(200);
  await evictDurableObject(env.HOME.getByName(owner.accountId));
  const response = await chat(owner.apiKey);
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: "one" } }] });
  agent.close();
});

it("says agent_offline when nobody is there", async () => {
  await modelOnline(owner.apiKey, "starter", false);
  const response = await chat(owner.apiKey);
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("5");
  expect((await errorOf(response)).code).toBe("agent_offline");
});

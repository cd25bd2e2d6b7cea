import { afterEach, beforeAll, expect, it } from "vitest";
import { type Identity, pair, STARTER, TestAgent } from "../support/agent.ts";
import { modelOnline } from "../support/chat.ts";
import { bearer, type Owner, request, setUp } from "../support/edge.ts";
import { makeKey } from "../support/keys.ts";
import { call, install, packed } from "./support.ts";

const ASK = `return await context.model({ prompt: context.input.prompt, system: "Be brief.", maxTokens: 8 })`;

let owner: Owner;
let identity: Identity;
const agents: TestAgent[] = [];
beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
  await install(owner.apiKey, await packed({ ask: ASK }, { permissions: { model: true } }));
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  await modelOnline(owner.apiKey, "starter", false);
});

async function connect(): Promise<TestAgent> {
  const agent = await TestAgent.connect(
    identity,
    async (asked, stream) => {
      const said = asked.messages.map(({ content }) => content).join("|");
      const lines = [
        { type: "text", text: `heard ${said}` },
        { type: "usage", promptTokens: 60, completionTokens: 12 },
        { type: "finish", reason: "stop" },
      ];
      await stream.write(new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
      stream.end();
    },
    [STARTER],
  );
  agents.push(agent);
  await modelOnline(owner.apiKey, "starter");
  return agent;
}

it("has a plugin's questions answered by the household's machines, counted for who calls", async () => {
  await connect();
  const key = await makeKey(owner.apiKey, { name: "counted", scopes: ["plugins"], limits: { tokensPerDay: 60 } });
  const first = await call(key.apiKey, "ask", { prompt: "Hi" });
  expect(first).toMatchObject({ ok: true, value: "heard Be brief.|Hi" });
  const second = await call(key.apiKey, "ask", { prompt: "Hi again" });
  expect(second).toMatchObject({ ok: false, error: { code: "plugin_failed" } });
  expect(second.error?.message).toMatch(/tokens/i);
  // The person has no such limit.
  expect(await call(owner.apiKey, "ask", { prompt: "Hi" })).toMatchObject({ ok: true });
  const usage = await request("/api/usage", { headers: bearer(owner.apiKey) });
  expect(JSON.stringify(await usage.json())).toContain("counted");
});

it("asks no model that the key may not use, and says when none is there", async () => {
  await connect();
  const key = await makeKey(owner.apiKey, { name: "narrow", scopes: ["plugins"], models: ["other*"] });
  expect(await call(key.apiKey, "ask", { prompt: "Hi" })).toMatchObject({ ok: false });
  for (const agent of agents.splice(0)) agent.close();
  await modelOnline(owner.apiKey, "starter", false);
  expect(await call(owner.apiKey, "ask", { prompt: "Hi" })).toMatchObject({ ok: false });
});

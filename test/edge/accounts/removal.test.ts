import { env } from "cloudflare:workers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, pair, TestAgent, writeEvents } from "../support/agent.ts";
import { chat, modelOnline } from "../support/chat.ts";
import { insertKey, insertUser, type Owner, setUp } from "../support/edge.ts";
import { fromLocalPage, insertSession, LOCAL } from "../support/people.ts";

let owner: Owner;
let agent: TestAgent;
const stopped: unknown[] = [];
/** Says one word and then goes on for ever. */
const answer: Answer = async (_asked, stream, signal) => {
  signal.addEventListener("abort", () => stopped.push(signal.reason));
  await writeEvents(stream, { type: "text", text: "x" });
};

beforeAll(async () => {
  owner = await setUp();
  agent = await TestAgent.connect(await pair(owner.apiKey), answer);
  await modelOnline(owner.apiKey, "starter");
});
afterAll(() => agent.close());

it("a member who is removed loses what they and their programs are running, and starts nothing more", async () => {
  const member = await insertUser(owner.accountId, "member");
  const key = await insertKey(owner.accountId, "inference", member);
  const cookie = await insertSession(member);
  const byKey = await chat(key, { stream: true });
  const body = { model: "starter", stream: true, messages: [{ role: "user", content: "Hi" }] };
  const byPage = await fromLocalPage("POST", "/v1/chat/completions", body, { cookie });
  expect([byKey.status, byPage.status]).toEqual([200, 200]);
  const person = await env.DB.prepare("SELECT id FROM users WHERE role = 'owner'").first<{ id: string }>();
  const removed = await fromLocalPage("DELETE", `/api/members/${member}`, undefined, {
    cookie: await insertSession(person?.id ?? ""),
    origin: LOCAL,
  });
  expect(removed.status).toBe(204);
  for (const response of [byKey, byPage]) expect(await response.text()).toContain("invalid_api_key");
  expect(stopped).toMatchObject([{ code: "invalid_api_key" }, { code: "invalid_api_key" }]);
  // It was found good a moment ago, in this isolate.
  expect((await chat(key)).status).toBe(401);
  expect(agent.streams).toHaveLength(2);
});

import OpenAI, { RateLimitError } from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LONG_WINDED } from "../support/long-winded.ts";
import { startStack, type TestStack } from "../support/stack.ts";

/** The `openai` package with keys that have limits. */
let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
});

const messages = [{ role: "user" as const, content: "Hello! Who are you?" }];

async function api(method: string, path: string, body: unknown): Promise<{ id: string; apiKey: string }> {
  const response = await fetch(stack.origin + path, {
    method,
    headers: { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as { id: string; apiKey: string }; // our own route, tested elsewhere
}

it("is told of a limit by RateLimitError, with headers", async () => {
  const { apiKey } = await api("POST", "/api/keys", {
    name: "slow",
    limits: { requestsPerMinute: 1, tokensPerDay: 9000 },
  });
  const client = new OpenAI({ baseURL: `${stack.origin}/v1`, apiKey, maxRetries: 0 });
  const { response } = await client.chat.completions.create({ model: "starter", messages }).withResponse();
  expect(response.headers.get("x-ratelimit-remaining-requests")).toBe("0");
  expect(Number(response.headers.get("x-ratelimit-remaining-tokens"))).toBeGreaterThan(7000);
  const refusal = await client.chat.completions.create({ model: "starter", messages, stream: true }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(RateLimitError);
  if (!(refusal instanceof RateLimitError)) return;
  expect(refusal).toMatchObject({ status: 429, code: "rate_limit_exceeded", type: "rate_limit_error" });
  expect(refusal.headers.get("x-ratelimit-limit-requests")).toBe("1");
  expect(Number(refusal.headers.get("retry-after"))).toBeGreaterThan(30);
});

it("waits as it is told and tries again by itself", async () => {
  const { apiKey } = await api("POST", "/api/keys", { name: "day", limits: { tokensPerDay: 1500 } });
  // A request that runs and might need all that is left: the next one is told to come back in a second.
  const patient = new OpenAI({ baseURL: `${stack.origin}/v1`, apiKey, maxRetries: 3 });
  const statuses: number[] = [];
  const watched = patient.withOptions({
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      statuses.push(response.status);
      return response;
    },
  });
  // Goes on for seconds, unless it is left.
  const open = await patient.chat.completions.create({ model: "starter", messages, stream: true, ...LONG_WINDED });
  const answered = watched.chat.completions.create({ model: "starter", messages, max_tokens: 1024 });
  await expect.poll(() => statuses).toEqual([429]);
  open.controller.abort();
  expect((await answered).choices[0]?.message.content).toMatch(/starter/i);
  expect(statuses).toEqual([429, 200]);
});

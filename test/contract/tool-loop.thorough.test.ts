import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { buildPlugin } from "../../node-agent/plugins/build.ts";
import { writePackage } from "../../shared/plugin/package.ts";
import { install, send } from "../support/api.ts";
import { plugin } from "../support/plugin.ts";
import { startStack, type TestStack } from "../support/stack.ts";

/** The whole way: openai's package, the real Worker, the starter model, plugins in their sandbox on the machine. */
let stack: TestStack;
let client: OpenAI;

beforeAll(async () => {
  stack = await startStack();
  client = new OpenAI({ baseURL: `${stack.origin}/v1`, apiKey: stack.apiKey, maxRetries: 0 });
  const { manifest, files } = await buildPlugin(fileURLToPath(new URL("../../plugins/hello", import.meta.url)));
  await install(stack, writePackage(manifest, files));
});
afterAll(async () => {
  await stack?.stop();
});

// The package's types know OpenAI's own kinds of tools alone; what it sends is what it is given.
const TOOLS = [{ type: "plugin", plugin: "@porchlight/hello" }] as unknown as OpenAI.ChatCompletionTool[];
const GREET = { type: "function" as const, function: { name: "hello__greet" } };
const messages = [{ role: "user" as const, content: "Greet Ada." }];

const stepSchema = z.looseObject({ step: z.string() });
const recordSchema = z.object({ tool: z.string(), state: z.string(), input: z.string() });

it("is read by openai's package like any answer, with what was called beside it", { timeout: 120_000 }, async () => {
  const stream = client.chat.completions.stream({
    model: stack.model,
    messages,
    tools: TOOLS,
    tool_choice: GREET,
    max_completion_tokens: 64,
    temperature: 0,
  });
  const steps: z.infer<typeof stepSchema>[] = [];
  for await (const chunk of stream) {
    const { porchlight } = z.looseObject({ porchlight: stepSchema.optional() }).parse(chunk);
    if (porchlight !== undefined) steps.push(porchlight);
  }
  const whole = await stream.finalChatCompletion();
  expect(whole.choices[0]).toMatchObject({ finish_reason: expect.stringMatching(/^(?:stop|length)$/u) });
  expect(whole.choices[0]?.message.tool_calls ?? []).toEqual([]);
  expect(steps.slice(0, 3)).toMatchObject([
    { step: "call", round: 0, call: { name: "hello__greet" } },
    { step: "round" },
    { step: "result", tool: "hello__greet", source: { number: 1, name: "@porchlight/hello 1.0.0, greet" } },
  ]);
  const result = z.object({ ok: z.literal(true), content: z.string(), record: z.string() }).parse(steps[2]);
  expect(result.content).toContain('{"greeting":"Hello, ');
  const record = recordSchema.parse(await (await send(stack, "GET", `/api/plugin-calls/${result.record}`)).json());
  // Held to its schema by the engine's grammar, so that the tool took it.
  expect(z.strictObject({ name: z.string().min(1) }).safeParse(JSON.parse(record.input)).success).toBe(true);
  expect(record).toMatchObject({ tool: "greet", state: "done" });
});

it("is read by its Responses API too", { timeout: 120_000 }, async () => {
  const stream = client.responses.stream({
    model: stack.model,
    input: "Greet Ada.",
    tools: [{ type: "plugin", plugin: "*" }] as unknown as OpenAI.Responses.Tool[],
    tool_choice: { type: "function", name: "hello__greet" },
    max_output_tokens: 64,
    temperature: 0,
  });
  const steps: string[] = [];
  for await (const event of stream) {
    const { porchlight } = z.looseObject({ porchlight: stepSchema.optional() }).parse(event);
    if (porchlight !== undefined) steps.push(porchlight.step);
  }
  const whole = await stream.finalResponse();
  expect(steps.slice(0, 3)).toEqual(["call", "round", "result"]);
  expect(whole.output.every(({ type }) => type === "message")).toBe(true);
});

const approvalsSchema = z.object({
  approvals: z.array(z.object({ id: z.string(), hash: z.string(), arguments: z.string() })),
});

it("waits for the person before a real tool writes, and calls it once", { timeout: 120_000 }, async () => {
  const body = `return "kept " + JSON.stringify(context.input)`;
  const { manifest, files } = await plugin({ keep: body }, "@test/keeper", {}, "write");
  await install(stack, writePackage(manifest, files));
  const answer = send(stack, "POST", "/v1/chat/completions", {
    model: stack.model,
    messages,
    tools: [{ type: "plugin", plugin: "@test/keeper", require_approval: "always" }],
    tool_choice: { type: "function", function: { name: "keeper__keep" } },
    max_completion_tokens: 64,
    temperature: 0,
  });
  const list = async () => approvalsSchema.parse(await (await send(stack, "GET", "/api/approvals")).json()).approvals;
  const calls = async () =>
    z
      .object({ calls: z.array(z.unknown()) })
      .parse(await (await send(stack, "GET", "/api/plugin-calls?plugin=@test/keeper")).json()).calls;
  await expect.poll(async () => (await list()).length, { timeout: 30_000 }).toBe(1);
  const [waiting] = await list();
  if (waiting === undefined) throw new Error("nothing waits");
  expect(await calls()).toEqual([]);
  const word = { decision: "allow", hash: waiting.hash };
  expect((await send(stack, "POST", `/api/approvals/${waiting.id}`, word)).status).toBe(200);
  expect((await answer).status).toBe(200);
  expect(await calls()).toMatchObject([{ tool: "keep", state: "done" }]);
  expect((await send(stack, "POST", `/api/approvals/${waiting.id}`, word)).status).toBe(410);
});

it.each(["write", "read"] as const)(
  "goes on with an answer whose edge was killed in the middle of a call of a tool that is there to %s",
  { timeout: 120_000 },
  async (effect) => {
    const body = "await new Promise((resolve) => setTimeout(resolve, 3_000)); return 'slept'";
    const { manifest, files } = await plugin({ sleep: body }, `@test/${effect}s`, {}, effect);
    await install(stack, writePackage(manifest, files));
    const calls = async () =>
      z
        .object({ calls: z.array(z.looseObject({ state: z.string() })) })
        .parse(await (await send(stack, "GET", `/api/plugin-calls?plugin=@test/${effect}s`)).json()).calls;
    const id = `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`;
    const started = await fetch(`${stack.origin}/v1/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${stack.apiKey}`,
        "content-type": "application/json",
        "porchlight-keep": "yes",
        "porchlight-answer-id": id,
      },
      body: JSON.stringify({
        model: stack.model,
        messages,
        stream: true,
        tools: [{ type: "plugin", plugin: `@test/${effect}s` }],
        tool_choice: { type: "function", function: { name: `${effect}s__sleep` } },
        max_completion_tokens: 64,
        temperature: 0,
      }),
    });
    expect(started.status).toBe(200);
    started.body?.cancel().catch(() => undefined); // It ends with the edge.
    await expect.poll(async () => (await calls()).length, { timeout: 20_000 }).toBe(1);
    const { pid } = stack.stack.edge;
    if (pid === undefined) throw new Error("the edge has no process");
    process.kill(pid, "SIGKILL");
    const healthy = async () =>
      await fetch(`${stack.origin}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(async () => stack.stack.edge.pid !== pid && (await healthy()), { timeout: 20_000 }).toBe(true);
    const whole = await (await send(stack, "GET", `/v1/chat/completions/${id}?stream=true`)).text();
    expect(whole.trim().endsWith("data: [DONE]"), whole.slice(-500)).toBe(true);
    const results = [...whole.matchAll(/"porchlight":(\{"step":"result".*\})\}$/gmu)].map(([, json = ""]) =>
      JSON.parse(json),
    );
    if (effect === "write") expect(results).toMatchObject([{ ok: false, error: "interrupted" }]);
    else expect(results).toMatchObject([{ ok: true, content: expect.stringContaining("slept") }]);
    const states = (await calls()).map(({ state }) => state);
    if (effect === "write") expect(states).toHaveLength(1);
    else expect(states.filter((state) => state === "done")).toHaveLength(1);
  },
);

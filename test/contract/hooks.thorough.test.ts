import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { buildPlugin } from "../../node-agent/plugins/build.ts";
import { writePackage } from "../../shared/plugin/package.ts";
import { ask, install } from "../support/api.ts";
import { startStack, type TestStack } from "../support/stack.ts";

const CLI = fileURLToPath(new URL("../../node-agent/cli.ts", import.meta.url));
const madeSchema = z.object({ id: z.string(), url: z.string(), secret: z.string() });
const deliveriesSchema = z.object({
  deliveries: z.array(
    z.object({
      state: z.string(),
      call: z.string().nullable(),
      session: z.string().nullable(),
      turn: z.number().nullable(),
    }),
  ),
});

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
});

/** What the command says on standard output. */
async function cli(...words: string[]): Promise<string> {
  const env = { ...process.env, PORCHLIGHT_API_KEY: stack.apiKey };
  const args = [CLI, ...words, "--origin", stack.origin, "--json"];
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
}

/** As a sender sends. */
async function post(hook: z.infer<typeof madeSchema>, id: string, value: unknown): Promise<Response> {
  const body = JSON.stringify(value);
  const at = new Date();
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(hook.secret).sign(id, at, body),
  };
  return await fetch(hook.url, { method: "POST", headers, body });
}

const deliveries = async (id: string) =>
  deliveriesSchema.parse(await ask(stack, "GET", `/api/hooks/${id}/deliveries`)).deliveries;

it("keeps what arrives in the inbox, by the machine at home, and tells what came in today", {
  timeout: 120_000,
}, async () => {
  const { manifest, files } = await buildPlugin(fileURLToPath(new URL("../../plugins/inbox", import.meta.url)));
  await install(stack, writePackage(manifest, files));
  const hook = madeSchema.parse(JSON.parse(await cli("hook", "add", "Payments", "@porchlight/inbox")));
  const answer = await post(hook, "msg_1", { type: "invoice.paid", title: "Invoice 7 of Ms Lin" });
  expect([answer.status, await answer.json()]).toEqual([200, { kept: "Invoice 7 of Ms Lin" }]);
  expect(await (await post(hook, "msg_1", { type: "invoice.paid" })).json()).toEqual({ status: "duplicate" });
  expect((await post({ ...hook, secret: `whsec_${btoa("x".repeat(32))}` }, "msg_2", {})).status).toBe(401);
  const [delivery] = await deliveries(hook.id);
  expect(await ask(stack, "GET", `/api/plugin-calls/${delivery?.call}`)).toMatchObject({
    place: "home",
    state: "done",
  });
  const call = { tool: "list", input: {}, timeZone: "UTC" };
  expect(await ask(stack, "POST", "/api/plugins/porchlight/inbox/call", call)).toMatchObject({
    ok: true,
    value: { messages: [{ subject: "Invoice 7 of Ms Lin", from: "Payments", event: "invoice.paid" }] },
  });
  expect(JSON.parse(await cli("hook", "list"))).toMatchObject([{ name: "Payments", refused: 1 }]);
});

it("takes messages while the machine is away, and works on them when it is back", { timeout: 180_000 }, async () => {
  const hook = madeSchema.parse(JSON.parse(await cli("hook", "add", "Away", "@porchlight/inbox")));
  await stack.killAgent();
  const answer = await post(hook, "msg_away", { title: "While you were away" });
  expect(answer.status).toBe(202);
  expect(await deliveries(hook.id)).toMatchObject([{ state: "waiting" }]);
  await stack.startAgent();
  await expect.poll(async () => (await deliveries(hook.id))[0]?.state, { timeout: 60_000 }).toBe("done");
});

it("has a message answered by the real model in a conversation, as strangers' words", {
  timeout: 180_000,
}, async () => {
  const hook = madeSchema.parse(JSON.parse(await cli("hook", "add", "Builds", "chat")));
  expect((await post(hook, "msg_1", { message: "Step 3 failed." })).status).toBe(202);
  await expect.poll(async () => (await deliveries(hook.id))[0]?.state, { timeout: 60_000 }).toBe("done");
  const [{ session, turn } = { session: null, turn: null }] = await deliveries(hook.id);
  const read = async (): Promise<unknown> => await ask(stack, "GET", `/api/sessions/${session}/turns/${turn}`);
  await expect.poll(read, { timeout: 120_000 }).toMatchObject({
    state: "complete",
    trace: { tainted: true, fromStrangers: true },
    messages: [{ role: "user" }, { role: "assistant" }],
  });
});

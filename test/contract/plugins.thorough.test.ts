import { fileURLToPath } from "node:url";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { buildPlugin } from "../../node-agent/plugins/build.ts";
import { writePackage } from "../../shared/plugin/package.ts";
import { install, send } from "../support/api.ts";
import { plugin } from "../support/plugin.ts";
import { startStack, type TestStack } from "../support/stack.ts";

const outcomeSchema = z.object({
  id: z.string(),
  ok: z.boolean(),
  value: z.unknown().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
const recordSchema = z.object({ place: z.string(), state: z.string(), logs: z.string(), ms: z.number() });

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
});

async function call(name: string, tool: string, input: object = {}, more: object = {}) {
  const answer = await send(stack, "POST", `/api/plugins/${name}/call`, { tool, input, ...more });
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  return outcomeSchema.parse(JSON.parse(text));
}

async function made(
  bodies: Record<string, string>,
  name: string,
  permissions: object = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { manifest, files } = await plugin(bodies, name, permissions);
  return writePackage(manifest, files);
}

it("runs hello on a real machine, from its package to its record", { timeout: 60_000 }, async () => {
  const { manifest, files } = await buildPlugin(fileURLToPath(new URL("../../plugins/hello", import.meta.url)));
  const name = await install(stack, writePackage(manifest, files));
  const said = await call(name, "greet", { name: "Ada" }, { locale: "zh-CN" });
  expect(said).toMatchObject({ ok: true, value: { greeting: "你好, Ada!" } });
  const record = recordSchema.parse(await (await send(stack, "GET", `/api/plugin-calls/${said.id}`)).json());
  expect(record).toMatchObject({ place: "home", state: "done", logs: "greeting Ada" });
  expect(await call(name, "greet", { name: 1 })).toMatchObject({ error: { code: "plugin_input_invalid" } });
});

it("asks the machine's own model, in the person's name", { timeout: 120_000 }, async () => {
  const body = `return await context.model({ prompt: "Hello", maxTokens: 4 })`;
  const name = await install(stack, await made({ ask: body }, "@test/model", { model: true }));
  const said = await call(name, "ask");
  expect(said).toMatchObject({ ok: true, value: expect.any(String) });
  await send(stack, "PATCH", `/api/plugins/${name}`, { permissions: {} });
  expect(await call(name, "ask")).toMatchObject({ ok: false, error: { code: "plugin_failed" } });
});

it("keeps values, secrets and picked files at the edge, and gives them while they are granted", {
  timeout: 60_000,
}, async () => {
  const bodies = {
    all: `await context.storage.set("k", "v"); return [new TextDecoder().decode(await context.storage.get("k")), await context.secret("TOKEN")]`,
    full: `await context.storage.set("big", "x".repeat(5_000))`,
    read: `const [file] = await context.files.list(); return [file.name, new TextDecoder().decode(await context.files.read(file.id))]`,
    steal: `return await context.files.read(context.input.id)`,
  };
  const asks = { storageBytes: 1_000, secrets: ["TOKEN"], files: true };
  const name = await install(stack, await made(bodies, "@test/kept", asks));
  expect((await send(stack, "PUT", `/api/plugins/${name}/secrets/TOKEN`, { value: "open sesame" })).status).toBe(204);
  expect(await call(name, "all")).toMatchObject({ value: ["v", "open sesame"] });
  expect(await call(name, "full")).toMatchObject({ ok: false, error: { code: "plugin_failed" } });
  const ids = await Promise.all(["one", "two"].map(upload));
  expect(await call(name, "read", {}, { files: [ids[0]] })).toMatchObject({ value: ["one.txt", "one"] });
  expect(await call(name, "steal", { id: ids[1] }, { files: [ids[0]] })).toMatchObject({ ok: false });
  await send(stack, "PATCH", `/api/plugins/${name}`, { permissions: { ...asks, secrets: [] } });
  expect(await call(name, "all")).toMatchObject({ ok: false });
  // Sealed: what the edge keeps on its disk does not have it.
  const kept = await Promise.all(
    (await readdir(stack.folder.edge, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(async (entry) => await readFile(join(entry.parentPath, entry.name), "latin1")),
  );
  expect(kept.some((text) => text.includes("open sesame"))).toBe(false);
});

async function upload(word: string): Promise<string> {
  const form = new FormData();
  form.set("purpose", "user_data");
  form.set("file", new File([word], `${word}.txt`));
  const headers = { authorization: `Bearer ${stack.apiKey}` };
  const answer = await fetch(`${stack.origin}/v1/files`, { method: "POST", headers, body: form });
  return z.object({ id: z.string() }).parse(await answer.json()).id;
}

it("lives through plugins that loop, take memory and end their process, with its tunnel and its model", {
  timeout: 180_000,
}, async () => {
  const bodies = {
    loop: "for (;;);",
    memory: "const held = []; for (;;) held.push(new Uint8Array(16 * 1024 * 1024).fill(1));",
    exit: `(await import("node:process")).default.exit(1)`,
    fine: "return 1",
  };
  const name = await install(stack, await made(bodies, "@test/bad"));
  const bad = ["loop", "memory", "exit"].map(async (tool) => await call(name, tool));
  // While they are at it, the machine answers.
  const asked = { model: stack.model, messages: [{ role: "user", content: "Hi" }], max_tokens: 4 };
  expect((await send(stack, "POST", "/v1/chat/completions", asked)).status).toBe(200);
  for (const outcome of await Promise.all(bad)) expect(outcome.ok).toBe(false);
  expect(await call(name, "fine")).toMatchObject({ ok: true, value: 1 });
  const { agents } = z
    .object({ agents: z.array(z.object({ online: z.boolean() })) })
    .parse(await (await send(stack, "GET", "/api/agents")).json());
  expect(agents).toMatchObject([{ online: true }]);
});

it("brings a package again where the machine's copy was bent, and says when no machine is there", {
  timeout: 60_000,
}, async () => {
  const name = await install(stack, await made({ a: "return 'whole'" }, "@test/bent"));
  await stack.killAgent();
  expect(await call(name, "a")).toMatchObject({ error: { code: "plugin_no_runtime" } });
  for (const file of await readdir(stack.folder.plugins)) {
    const path = join(stack.folder.plugins, file);
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(67, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 50));
  }
  await stack.startAgent();
  expect(await call(name, "a")).toMatchObject({ ok: true, value: "whole" });
});

import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEngineBackend, type EngineBackend, type EngineModel } from "../../../node-agent/engine/backend.ts";
import { readModel } from "../../../node-agent/model/registry.ts";
import { distance, readExpected, type ReferenceModel, referenceFolder } from "../../support/embedding-vectors.ts";
import { ask, readAnswer } from "../../support/engine-events.ts";
import { isAlive, waitUntil } from "../../support/engine-processes.ts";
import { STARTER, starterModel } from "../../support/engine-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const never = new AbortController().signal;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let backend: EngineBackend;

async function engineModel(name: string, path: string): Promise<EngineModel> {
  const found = await readModel(path, name);
  if (!found.usable) throw new Error(found.problem);
  return { ...found.info, folder: path };
}

beforeAll(async () => {
  folder = await temporaryFolder();
  const names: ReferenceModel[] = ["bert-mean", "qwen3"];
  const models = [
    await engineModel("starter", STARTER),
    ...(await Promise.all(names.map((name) => engineModel(name, referenceFolder(name))))),
  ];
  backend = createEngineBackend({ models, cacheDir: join(folder.path, "compiled"), threads: 1 });
});
afterAll(async () => {
  await backend.stop();
  await folder[Symbol.asyncDispose]();
});

test("vectors come from a process of the model's own, several requests at once", async () => {
  const expected = await readExpected("bert-mean");
  const inputs = expected.map(({ text }) => text);
  const answers = await Promise.all(
    [1, 2, 3].map(() => backend.embed({ model: "bert-mean", inputs, truncate: false }, never)),
  );
  for (const { vectors, promptTokens } of answers) {
    expect(promptTokens).toBe(expected.reduce((sum, { ids }) => sum + ids.length, 0));
    for (const [i, { vector }] of expected.entries()) expect(distance(vectors[i] ?? [], vector)).toBeLessThan(2e-5);
  }
  expect((await backend.listModels()).map(({ name, task, loaded }) => ({ name, task, loaded }))).toEqual([
    { name: "starter", task: "generate", loaded: false },
    { name: "bert-mean", task: "embed", loaded: true },
    { name: "qwen3", task: "embed", loaded: false },
  ]);
  expect(await backend.stats()).toEqual([]);
});

test("a decoder's prompt for questions stands before a query", async () => {
  const expected = (await readExpected("qwen3")).at(-1);
  const request = { model: "qwen3", inputs: ["the cat sat on the mat"], truncate: false };
  const query = await backend.embed({ ...request, purpose: "query" }, never);
  expect(distance(query.vectors[0] ?? [], expected?.vector ?? [])).toBeLessThan(2e-5);
  const plain = await backend.embed(request, never);
  expect(distance(plain.vectors[0] ?? [], expected?.vector ?? [])).toBeGreaterThan(0.01);
});

test("each task has its own models", async () => {
  await expect(backend.embed({ model: "starter", inputs: ["a"], truncate: false }, never)).rejects.toMatchObject({
    code: "model_task_mismatch",
  });
  await expect(backend.embed({ model: "nobody", inputs: ["a"], truncate: false }, never)).rejects.toMatchObject({
    code: "model_not_found",
  });
  const events = [];
  const chat = { model: "bert-mean", messages: [{ role: "user" as const, content: "hello" }], sampling: {} };
  for await (const event of backend.generate(chat, never)) events.push(event);
  expect(events).toMatchObject([{ type: "error", error: { code: "model_task_mismatch", param: "model" } }]);
});

test("an error of the model's process is the request's", async () => {
  const request = { model: "bert-mean", inputs: ["a ".repeat(100)], truncate: false };
  await expect(backend.embed(request, never)).rejects.toMatchObject({ code: "context_length_exceeded" });
  expect((await backend.embed({ ...request, truncate: true }, never)).promptTokens).toBe(32);
});

test("a client that leaves, and a process that dies, end the request", async () => {
  const inputs = Array.from({ length: 2048 }, () => "rain is falling on the mat , the cat ran");
  const left = new AbortController();
  const leaving = backend.embed({ model: "bert-mean", inputs, truncate: false }, left.signal);
  left.abort();
  await expect(leaving).rejects.toMatchObject({ code: "cancelled" });

  const pid = backend.processes().find(({ model }) => model === "bert-mean")?.pid ?? 0;
  const dying = backend.embed({ model: "bert-mean", inputs, truncate: false }, never);
  process.kill(pid, "SIGKILL");
  await expect(dying).rejects.toMatchObject({ code: "engine_crashed" });
  await waitUntil(async () => !isAlive(pid));
  expect((await backend.embed({ model: "bert-mean", inputs: ["a"], truncate: false }, never)).vectors).toHaveLength(1);
});

test("one that waits in line ends when its client leaves, and when the engine stops", async () => {
  const models = [starterModel(), await engineModel("bert-mean", referenceFolder("bert-mean"))];
  const small = createEngineBackend({ models, cacheDir: join(folder.path, "compiled"), threads: 1, memoryBytes: 1 });
  const busy = readAnswer(
    small.generate(
      ask("Hello!", { maxTokens: 900, responseFormat: { type: "regex", pattern: "[a-z ]{2000}" } }),
      never,
    ),
  );
  // The first load compiles.
  await waitUntil(async () => (await small.stats()).some(({ stats }) => stats.running > 0), 20_000);
  const request = { model: "bert-mean", inputs: ["a"], truncate: false };
  const left = new AbortController();
  const leaving = small.embed(request, left.signal);
  left.abort();
  await expect(leaving).rejects.toMatchObject({ code: "cancelled" });
  const waiting = expect(small.embed(request, never)).rejects.toMatchObject({ code: "engine_crashed" });
  await small.stop();
  await waiting;
  expect((await busy).error).toMatchObject({ code: "engine_crashed" });
});

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createEngineBackend,
  type EngineBackend,
  type EngineModel,
  type EngineOptions,
} from "../../../node-agent/engine/backend.ts";
import { ask, readAnswer } from "../../support/engine-events.ts";
import { isAlive, waitUntil } from "../../support/engine-processes.ts";
import { STARTER, starterModel } from "../../support/engine-starter.ts";

const MB = 1e6;
const never = new AbortController().signal;
const LONG = `Repeat: ${"7".repeat(100)}`;

let dir: string;
let backend: EngineBackend;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "porchlight-memory-"));
});

afterEach(() => backend.stop());

afterAll(() => rm(dir, { recursive: true }));

function model(name: string, more: Partial<EngineModel> = {}): EngineModel {
  return starterModel({ name, kvBytes: 20 * MB, ...more });
}

function start(models: EngineModel[], options: Partial<EngineOptions> = {}): void {
  backend = createEngineBackend({ models, cacheDir: join(dir, "compiled"), threads: 1, ...options });
}

const hello = (name: string, keepAliveMs?: number) => ({
  ...ask("Hello! Who are you?", { maxTokens: 12 }),
  model: name,
  ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
});

const loaded = () => backend.processes().map((process) => process.model);

describe("models within a memory budget", () => {
  it("makes who needs room wait, with its place in line, and lets the idle one go, never the working one", async () => {
    start([model("a"), model("b")], { memoryBytes: 250 * MB });
    const long = { ...ask(LONG, { maxTokens: 300, sampling: { frequencyPenalty: -2 } }), model: "a" };
    const busy = readAnswer(backend.generate(long, never));
    await waitUntil(async () => (await backend.stats()).some(({ stats }) => stats.running > 0));
    const [first, second] = await Promise.all([busy, readAnswer(backend.generate(hello("b"), never))]);
    expect(first.text.length).toBeGreaterThan(100);
    expect(second.progress[0]).toEqual({ type: "progress", stage: "queued", place: 1 });
    expect(second.text).not.toBe("");
    await waitUntil(async () => loaded().join() === "b");
  });

  it("holds both where there is room", async () => {
    start([model("a"), model("b")], { memoryBytes: 500 * MB });
    await Promise.all(["a", "b"].map((name) => readAnswer(backend.generate(hello(name), never))));
    expect(loaded().toSorted()).toEqual(["a", "b"]);
  });

  it("unloads a model when a request's keep-alive is over, and loads it again for the next", async () => {
    start([model("a")]);
    await readAnswer(backend.generate(hello("a", 0), never));
    const [gone] = backend.processes();
    await waitUntil(async () => backend.processes().length === 0);
    if (gone !== undefined) await waitUntil(async () => !isAlive(gone.pid));
    expect((await readAnswer(backend.generate(hello("a", -1), never))).text).not.toBe("");
    expect(loaded()).toEqual(["a"]);
  });

  it("takes up a conversation from the disk after the model was unloaded", async () => {
    start([model("a")], { kvDiskBytes: 100 * MB });
    const long = { ...ask("Please remember this. ".repeat(60), { maxTokens: 12 }), model: "a", keepAliveMs: 0 };
    const before = await readAnswer(backend.generate(long, never));
    expect(before.usage?.cachedTokens).toBe(0);
    await waitUntil(async () => backend.processes().length === 0);
    expect(await readdir(join(dir, "compiled", "kv"))).toHaveLength(1);
    const after = await readAnswer(backend.generate(long, never));
    expect(after.usage?.cachedTokens).toBeGreaterThan((after.usage?.promptTokens ?? 0) - 3);
    expect(after.text).toBe(before.text);
  });

  it("answers the same with a draft model", async () => {
    start([model("a"), model("b", { draft: { folder: STARTER, quantization: "int4" } })]);
    const [plain, drafted] = await Promise.all(
      ["a", "b"].map((name) => readAnswer(backend.generate({ ...hello(name), maxTokens: 40 }, never))),
    );
    expect(drafted?.text).toBe(plain?.text);
    const stats = (await backend.stats()).find(({ model: name }) => name === "b");
    expect(stats?.stats.acceptedTokens).toBeGreaterThan(0);
  });
});

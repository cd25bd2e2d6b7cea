import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createEngineBackend, type EngineBackend, type EngineModel } from "../../../node-agent/engine/backend.ts";
import type { ModelExit } from "../../../node-agent/engine/model-child.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { ask, createAnswerReader, readAnswer } from "../../support/engine-events.ts";
import { isAlive, waitUntil } from "../../support/engine-processes.ts";
import { stuckExit } from "../../support/stuck-exit.ts";
import { STARTER, starterModel } from "../../support/engine-starter.ts";

const STARTER_MODEL = starterModel();
/** Rewarded for repeating itself, the model goes on to its limit. */
const LONG = ask(`Repeat: ${"7".repeat(100)}`, { maxTokens: 400, sampling: { frequencyPenalty: -2 } });
const HELLO = ask("Hello! Who are you?");

let dir: string;
const backends: EngineBackend[] = [];
const pids = new Set<number>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "porchlight-backend-"));
});

afterEach(async () => {
  for (const backend of backends.splice(0)) {
    for (const { pid } of backend.processes()) pids.add(pid);
    await backend.stop();
    expect(backend.processes()).toEqual([]);
  }
  expect([...pids].filter(isAlive)).toEqual([]);
});

afterAll(async () => {
  await rm(dir, { recursive: true });
});

function createBackend(models: EngineModel[] = [STARTER_MODEL], crashes: ModelExit[] = []): EngineBackend {
  const backend = createEngineBackend({
    models,
    cacheDir: join(dir, "compiled"),
    threads: 1,
    onCrash: (_model, exit) => crashes.push(exit),
  });
  backends.push(backend);
  return backend;
}

function pidOf(backend: EngineBackend): number {
  const pid = backend.processes()[0]?.pid;
  if (pid === undefined) throw new Error("no process");
  pids.add(pid);
  return pid;
}

const never = new AbortController().signal;

describe("the engine's backend", () => {
  it("loads a model for its first request, shows the progress, answers, and lists it", async () => {
    const backend = createBackend();
    let changes = 0;
    const unsubscribe = backend.onChange(() => changes++);
    expect(backend.processes()).toEqual([]);
    expect(await backend.stats()).toEqual([]);
    expect(await backend.listModels()).toEqual([
      {
        name: "starter",
        contextLength: 1024,
        task: "generate",
        architecture: "LlamaForCausalLM",
        quantization: "fp32",
        parameters: 5_480_000,
        createdAt: 0,
        loaded: false,
        online: true,
      },
    ]);
    const answer = await readAnswer(backend.generate(HELLO, never));
    expect(answer.text).toContain("starter model");
    const fractions = answer.progress.filter(({ stage }) => stage === "loading").map(({ fraction = -1 }) => fraction);
    expect(fractions[0]).toBe(0);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(await backend.listModels()).toMatchObject([{ loaded: true }]);
    expect(changes).toBe(1);
    unsubscribe();
    await backend.stop();
    expect(changes).toBe(1);
  });

  it("answers four clients at once in shared steps", async () => {
    const backend = createBackend();
    await backend.preload("starter");
    const pid = pidOf(backend);
    const answers = await Promise.all([1, 2, 3, 4].map(() => readAnswer(backend.generate(HELLO, never))));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const [stats] = await backend.stats();
    expect(stats).toMatchObject({ model: "starter", stats: { largestBatch: 4, running: 0, waiting: 0, slots: 4 } });
    expect(pidOf(backend)).toBe(pid);
  });

  it("tells of an unknown model what there is", async () => {
    const backend = createBackend();
    const { error } = await readAnswer(backend.generate({ ...HELLO, model: "gpt" }, never));
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(error?.message).toMatch(/'gpt'.*starter/u);
    await expect(backend.preload("gpt")).rejects.toMatchObject({ code: "model_not_found" });
    expect(backend.processes()).toEqual([]);
  });

  it("refuses what is not a request, and the process lives on", async () => {
    const backend = createBackend();
    const { error } = await readAnswer(backend.generate({ ...HELLO, maxTokens: -1 }, never));
    expect(error?.code).toBe("invalid_request");
    expect((await readAnswer(backend.generate(HELLO, never))).finish).toBe("stop");
  });

  it("stops the engine when a client aborts or leaves, and frees the slot", async () => {
    const backend = createBackend();
    for (const way of ["abort", "leave"]) {
      const controller = new AbortController();
      for await (const event of backend.generate(LONG, controller.signal)) {
        if (event.type !== "text") continue;
        if (way === "leave") break;
        controller.abort();
      }
      await waitUntil(async () => (await backend.stats())[0]?.stats.running === 0);
      const [before] = await backend.stats();
      await sleep(50);
      const [after] = await backend.stats();
      expect(after?.stats.decodeSteps).toBe(before?.stats.decodeSteps);
      expect(before?.stats.decodeTokens).toBeLessThan(200);
    }
  });

  it("stops the engine at an abort while nobody reads", async () => {
    const backend = createBackend();
    const controller = new AbortController();
    const events = backend.generate(LONG, controller.signal)[Symbol.asyncIterator]();
    while ((await events.next()).value?.type !== "text") continue;
    controller.abort();
    await waitUntil(async () => (await backend.stats())[0]?.stats.running === 0);
    expect((await backend.stats())[0]?.stats.decodeTokens).toBeLessThan(200);
    expect((await events.next()).done).toBe(true);
  });

  it("lets go of a reader that waits when its request is aborted", async () => {
    const backend = createBackend();
    const controller = new AbortController();
    const events = backend.generate(HELLO, controller.signal)[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ type: "progress", stage: "loading" });
    const next = events.next();
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    await backend.preload("starter");
    expect((await backend.stats())[0]?.stats).toMatchObject({ prefillSteps: 0, waiting: 0, running: 0 });
  });

  it("does nothing for a request that was aborted before it began", async () => {
    const backend = createBackend();
    const events: GenerateEvent[] = [];
    for await (const event of backend.generate(HELLO, AbortSignal.abort())) events.push(event);
    expect(events).toEqual([]);
    expect(backend.processes()).toEqual([]);
  });

  it("keeps a slow reader's answer whole and small", async () => {
    const backend = createBackend();
    const whole = await readAnswer(backend.generate(LONG, never));
    const reader = createAnswerReader();
    let events = 0;
    for await (const event of backend.generate(LONG, never)) {
      reader.push(event);
      events++;
      if (event.type === "text" && reader.answer.text.length < 5) {
        await waitUntil(async () => (await backend.stats())[0]?.stats.running === 0, 20_000);
      }
    }
    expect(reader.answer.text).toBe(whole.text);
    expect(reader.answer.usage?.completionTokens).toBe(400);
    expect(events).toBeLessThan(20);
  });

  it("ends every request with an error when the process is killed, and serves the next one", async () => {
    const crashes: ModelExit[] = [];
    const backend = createBackend([STARTER_MODEL], crashes);
    const loaded: boolean[] = [];
    backend.onChange(() => void backend.listModels().then(([model]) => loaded.push(model?.loaded ?? false)));
    const bystander = readAnswer(backend.generate(LONG, never));
    const reader = createAnswerReader();
    let killed = 0;
    for await (const event of backend.generate(LONG, never)) {
      reader.push(event);
      if (event.type === "text" && killed === 0) {
        killed = pidOf(backend);
        process.kill(killed, "SIGKILL");
      }
    }
    expect(reader.answer.error).toMatchObject({ code: "engine_crashed" });
    expect(reader.answer.error?.message).toContain("SIGKILL");
    expect((await bystander).error).toMatchObject({ code: "engine_crashed" });
    expect(crashes).toMatchObject([{ signal: "SIGKILL" }]);
    expect(backend.processes()).toEqual([]);
    const next = await readAnswer(backend.generate(HELLO, never));
    expect(next.finish).toBe("stop");
    expect(loaded).toEqual([true, false, true]);
    expect(pidOf(backend)).not.toBe(killed);
  });

  it("goes on in a new process where one that was killed broke off", async () => {
    const backend = createBackend();
    const request = { ...LONG, tokenIds: true, sampling: { ...LONG.sampling, temperature: 1, seed: 4 } };
    const whole = await readAnswer(backend.generate(request, never));
    const [texts, tokens]: [string[], number[]] = [[], []];
    let killed = 0;
    for await (const event of backend.generate(request, never)) {
      if (event.type !== "text") continue;
      texts.push(event.text);
      tokens.push(...(event.tokens ?? []));
      if (texts.length < 40 || killed > 0) continue;
      killed = pidOf(backend);
      process.kill(killed, "SIGKILL");
    }
    const skip = { characters: texts.join("").length, toolCalls: 0 };
    const rest = await readAnswer(backend.generate({ ...request, resume: { tokens, skip } }, never));
    expect(pidOf(backend)).not.toBe(killed);
    expect(rest.text).not.toBe("");
    expect(texts.join("") + rest.text).toBe(whole.text);
    expect([rest.finish, rest.usage?.completionTokens]).toEqual([whole.finish, whole.usage?.completionTokens]);
  });

  it("says why a model cannot be loaded, to everyone who waits, and tries again for the next", async () => {
    const folder = join(dir, "broken");
    await cp(STARTER, folder, { recursive: true });
    await writeFile(join(folder, "config.json"), "{");
    const crashes: ModelExit[] = [];
    const backend = createBackend([{ ...STARTER_MODEL, name: "broken", folder }], crashes);
    const request = { ...HELLO, model: "broken" };
    const preload = expect(backend.preload("broken")).rejects.toMatchObject({ code: "model_load_failed" });
    const answers = await Promise.all([1, 2].map(() => readAnswer(backend.generate(request, never))));
    await preload;
    for (const { error } of answers) {
      expect(error?.code).toBe("model_load_failed");
      expect(error?.message).toContain("config.json");
    }
    expect(crashes).toEqual([]);
    expect(await backend.listModels()).toMatchObject([{ loaded: false }]);
    await cp(join(STARTER, "config.json"), join(folder, "config.json"));
    expect((await readAnswer(backend.generate(request, never))).finish).toBe("stop");
  });

  it("says so when the process is killed while it loads", async () => {
    const backend = createBackend();
    const answer = readAnswer(backend.generate(HELLO, never));
    await waitUntil(async () => backend.processes().length === 1);
    process.kill(pidOf(backend), "SIGKILL");
    expect((await answer).error).toMatchObject({ code: "model_load_failed" });
  });

  it("stops within a second while it answers and while it loads, and then starts nothing", async () => {
    for (const moment of ["loading", "text"]) {
      const backend = createBackend();
      const reader = createAnswerReader();
      let stopping: Promise<void> | null = null;
      let stopMs = 0;
      for await (const event of backend.generate(LONG, never)) {
        reader.push(event);
        const now = event.type === "progress" ? event.stage : event.type;
        if (now !== moment || stopping !== null) continue;
        pidOf(backend);
        const begun = performance.now();
        stopping = backend.stop().then(() => void (stopMs = performance.now() - begun));
      }
      await stopping;
      expect(stopMs).toBeGreaterThan(0);
      expect(stopMs).toBeLessThan(1_000);
      expect(reader.answer.error).toMatchObject({ code: "engine_crashed" });
      expect((await readAnswer(backend.generate(HELLO, never))).error).toMatchObject({ code: "engine_crashed" });
      await expect(backend.preload("starter")).rejects.toMatchObject({ code: "engine_crashed" });
      expect(backend.processes()).toEqual([]);
    }
  });

  it("leaves no process behind when its own process is killed, even where exits hang, and minds no Ctrl-C", async () => {
    const script = fileURLToPath(new URL("../../support/engine-parent.ts", import.meta.url));
    const parent = spawn(process.execPath, [script, STARTER, join(dir, "compiled")], {
      stdio: ["ignore", "pipe", "inherit"],
      env: stuckExit,
    });
    const [line] = await once(parent.stdout.setEncoding("utf8"), "data");
    const pid = Number(line);
    pids.add(pid);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, "SIGINT");
    process.kill(pid, "SIGTERM");
    await sleep(100);
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await waitUntil(async () => !isAlive(pid));
  });
});

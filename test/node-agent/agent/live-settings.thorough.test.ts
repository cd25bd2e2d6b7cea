import { readFile } from "node:fs/promises";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type Agent, startAgent } from "../../../node-agent/agent/agent.ts";
import type { AgentSettings } from "../../../node-agent/agent/messages.ts";
import { readSavedSettings, saveSettings, settingsNow } from "../../../node-agent/agent/run-settings.ts";
import { CommandError } from "../../../node-agent/commands/command-error.ts";
import { set } from "../../../node-agent/commands/set.ts";
import { type DataFolder, dataFolder } from "../../../node-agent/data-folder.ts";
import { run } from "../../support/command.ts";
import { LONG_WINDED } from "../../support/long-winded.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

describe("a running agent's settings", () => {
  let compiled: Awaited<ReturnType<typeof temporaryFolder>>;
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: DataFolder;
  let agent: Agent;
  let client: OpenAI;
  let key: string;

  const start = async (settings: AgentSettings = {}) => {
    agent = await startAgent(
      {
        ...settings,
        identityFile: folder.localIdentity,
        localKeyFile: folder.localKey,
        modelsDir: folder.models,
        compiledDir: compiled.path,
        settingsFile: folder.settings,
        givenAtMs: Date.now(),
        runningFile: folder.localAgent,
        localPort: 0,
        agentVersion: "0.0.0",
      },
      { onLink: () => undefined, onLoading: () => undefined },
    );
    key = (await readFile(folder.localKey, "utf8")).trim();
    client = new OpenAI({ baseURL: `${agent.localUrl}/v1`, apiKey: key, maxRetries: 0 });
  };

  beforeAll(async () => {
    compiled = await temporaryFolder();
  });
  afterAll(() => compiled[Symbol.asyncDispose]());
  beforeEach(async () => {
    data = await temporaryFolder();
    folder = dataFolder(data.path);
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
  });
  afterEach(async () => {
    await agent.stop();
    await data[Symbol.asyncDispose]();
    vi.restoreAllMocks();
  });

  const porchlight = async (...words: string[]) => await run([...words, "--data", data.path]);
  const change = (name: "context" | "threads" | "memory" | "draft", value: object | undefined) =>
    set({ data: data.path, json: false, change: { name, value } });
  const answer = async (words: number) =>
    await client.chat.completions.create({
      model: "starter",
      messages: [{ role: "user", content: `Count: ${"one ".repeat(words)}` }],
      temperature: 0,
      max_tokens: 4,
    });
  /** Steps since the model's process began. */
  const steps = async (): Promise<number> => {
    const response = await fetch(`${agent.localUrl}/api/stats`, { headers: { authorization: `Bearer ${key}` } });
    const schema = z.object({ models: z.array(z.object({ stats: z.object({ prefillSteps: z.number() }) })) });
    return schema.parse(await response.json()).models[0]?.stats.prefillSteps ?? 0;
  };

  it("change by a command, for the next request, while answers go on and none fails", async () => {
    await start({ contextLength: 1024 });
    const begun = Promise.withResolvers<void>();
    const long = (async () => {
      let ended: string | null = null;
      const request = { messages: [{ role: "user" as const, content: "Hello! Who are you?" }], ...LONG_WINDED };
      for await (const chunk of await client.chat.completions.create({
        ...request,
        model: "starter",
        stream: true,
        max_tokens: 300,
      })) {
        begun.resolve();
        ended = chunk.choices[0]?.finish_reason ?? ended;
      }
      return ended;
    })();
    await begun.promise;
    await answer(300);
    const { code, stderr } = await porchlight("set", "context", "256");
    expect([code, stderr]).toEqual([0, expect.stringContaining("context")]);
    // Each is answered, until the new process takes over and says that this is too long for it.
    await vi.waitFor(async () => await expect(answer(300)).rejects.toMatchObject({ code: "context_length_exceeded" }), {
      timeout: 20_000,
      interval: 30,
    });
    expect(await long).toMatch(/stop|length/);
    const before = await steps();
    for (let i = 0; i < 4; i++) await answer(1);
    expect(await change("threads", { threads: 1 })).toBe(0);
    await vi.waitUntil(async () => (await answer(1)) && (await steps()) < before + 4, { timeout: 20_000 });
    const response = await fetch(`${agent.localUrl}/api/settings`, { headers: { authorization: `Bearer ${key}` } });
    expect(await response.json()).toEqual({ contextLength: 256, threads: 1 });
  });

  it("stay as they are where new ones cannot be had, and say why", async () => {
    await start();
    for (const [name, value, reason] of [
      ["context", { contextLength: 999_999 }, /999999 tokens is more than starter can take, which is 1024/],
      ["draft", { draft: "nobody" }, /nobody/],
    ] as const) {
      const error: unknown = await change(name, value).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CommandError);
      expect(String(error)).toMatch(reason);
    }
    expect(await readSavedSettings(folder.settings)).toEqual({ values: {}, chosenAtMs: {} });
    expect((await answer(300)).choices).toHaveLength(1);
    const wrong = await fetch(`${agent.localUrl}/api/settings`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ set: { threads: 0 }, unset: ["nothing"] }),
    });
    expect(wrong.status).toBe(400);
  });

  it("outlive a restart, and a flag counts over what was saved before it", async () => {
    await set({ data: data.path, json: false, change: { name: "context", value: { contextLength: 256 } } });
    await start();
    await expect(answer(300)).rejects.toMatchObject({ code: "context_length_exceeded" });
    await change("context", undefined);
    await vi.waitUntil(async () => await answer(300).catch(() => false), { timeout: 20_000 });
    await saveSettings(folder.settings, { set: { contextLength: 300 }, unset: [] }, 1_000);
    // As the command line gives it: what was not said is there, and undefined.
    await saveSettings(folder.settings, { set: { threads: 2, contextLength: undefined }, unset: [] }, 1_000);
    const saved = await readSavedSettings(folder.settings);
    expect(settingsNow({ threads: 1, draft: "d" }, 2_000, saved)).toEqual({
      threads: 1,
      draft: "d",
      contextLength: 300,
    });
    expect(settingsNow({ threads: 1 }, 500, saved)).toEqual({ threads: 2, contextLength: 300 });
    await saveSettings(folder.settings, { set: {}, unset: ["threads"] }, 3_000);
    expect(settingsNow({ threads: 1 }, 2_000, await readSavedSettings(folder.settings))).toEqual({
      contextLength: 300,
    });
  });
});

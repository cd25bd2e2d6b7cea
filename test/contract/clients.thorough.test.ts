import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadLocalKey } from "../../node-agent/agent/local-api.ts";
import { markRunning, unmarkRunning } from "../../node-agent/commands/running.ts";
import { aiChecks } from "../support/clients/ai.ts";
import { anthropicChecks } from "../support/clients/anthropic.ts";
import { CONVERSATIONS, DIALECTS } from "../support/clients/conversations.ts";
import { openaiChecks } from "../support/clients/openai.ts";
import { guideTable, runSample, samples, tableOf } from "../support/clients/guide.ts";
import { langchainChecks } from "../support/clients/langchain.ts";
import { ollamaChecks } from "../support/clients/ollama.ts";
import { type Checks, HELLO, MODEL, type Place } from "../support/clients/place.ts";
import { run } from "../support/command.ts";
import { runHere } from "../support/command-here.ts";
import { referenceFolder } from "../support/embedding-vectors.ts";
import { engineLoad } from "../support/engine-load.ts";
import { CLAUDE_DAMAGES } from "../support/export-damages.ts";
import { exportText } from "../support/export-files.ts";
import { startStack, type TestStack } from "../support/stack.ts";

/** Client packages as they are published, against real processes with the starter model. */
const CLIENTS: Record<string, Checks> = {
  openai: openaiChecks,
  "@anthropic-ai/sdk": anthropicChecks,
  ollama: ollamaChecks,
  ai: aiChecks,
  "@langchain/openai": langchainChecks,
};

let stack: TestStack;
const places: Record<string, Place> = {};
beforeAll(async () => {
  stack = await startStack({ vectors: referenceFolder("bert-mean") });
  const running = async () => (await engineLoad(stack.localUrl, stack.folder.localKey)).running;
  places["through the edge"] = { origin: stack.origin, apiKey: stack.apiKey, running };
  places["at home"] = { origin: stack.localUrl, apiKey: await loadLocalKey(stack.folder.localKey), running };
});
afterAll(async () => {
  await stack?.stop();
});

/** By client and feature: whether it passed in every place so far. */
const passed = new Map(Object.keys(CLIENTS).map((client) => [client, new Map<string, boolean>()]));

for (const [client, checks] of Object.entries(CLIENTS)) {
  describe.each(["through the edge", "at home"])(`${client}, %s`, (where) => {
    it.each(Object.entries(checks))("%s", async (feature, check) => {
      const results = passed.get(client);
      const before = results?.get(feature) ?? true;
      results?.set(feature, false);
      await check(placeOf(where));
      results?.set(feature, before);
    });
  });
}

function placeOf(where: string): Place {
  const place = places[where];
  if (place === undefined) throw new Error(`nothing runs ${where}`);
  return place;
}

describe.each(["through the edge", "at home"])("the same conversation, %s", (where) => {
  it.each(CONVERSATIONS)("has the same answer and usage in every dialect: $question $tool", async (conversation) => {
    const place = placeOf(where);
    const outcomes = await Promise.all(Object.values(DIALECTS).map((ask) => ask(place, conversation)));
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
    expect(outcomes[0]?.promptTokens).toBeGreaterThan(10);
    expect(outcomes[0]?.calls).toEqual(
      conversation.tool === "offered" ? [{ name: "get_weather", input: { city: "Paris" } }] : [],
    );
  });
});

describe("the guide", () => {
  it("has samples that run", async () => {
    const { origin, apiKey } = placeOf("through the edge");
    const programs = await samples();
    expect(programs.map(({ client }) => client)).toEqual([
      "OpenAI",
      "Anthropic",
      "Ollama",
      "Vercel's AI SDK",
      "LangChain",
    ]);
    const env = { PORCHLIGHT_URL: origin, PORCHLIGHT_API_KEY: apiKey };
    const outputs = await Promise.all(programs.map(async ({ code }) => await runSample(code, env)));
    for (const output of outputs) expect(output).toMatch(/starter model/i);
  });

  it("says what passes", async ({ skip }) => {
    const ran = Object.entries(CLIENTS).every(
      ([client, checks]) => passed.get(client)?.size === Object.keys(checks).length,
    );
    if (!ran) skip("not all were tried");
    const table = tableOf(passed);
    expect(await guideTable(table)).toBe(table);
  });
});

describe("porchlight connect-app", () => {
  const connectApp = async (...words: string[]) => await run(["connect-app", ...words, "--data", stack.folder.root]);

  it("gives an app a key of its own, with which it can ask", async () => {
    await markRunning(stack.folder.running, { pid: process.pid, origin: stack.origin });
    const { stdout } = await connectApp("openai");
    const [, url = "", key = ""] = /^export OPENAI_BASE_URL=(\S+)\nexport OPENAI_API_KEY=(\S+)\n$/.exec(stdout) ?? [];
    expect(url).toBe(`${stack.origin}/v1`);
    const answer = await new OpenAI({ baseURL: url, apiKey: key }).chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: HELLO }],
    });
    expect(answer.choices[0]?.message.content).toMatch(/starter/i);
    const headers = { authorization: `Bearer ${key}` };
    expect((await fetch(`${stack.origin}/api/agents`, { headers })).status).toBe(403);
    const openclaw = JSON.parse((await connectApp("openclaw", "--model", MODEL)).stdout) as object;
    expect(openclaw).toMatchObject({
      agents: { defaults: { model: { primary: `porchlight/${MODEL}` } } },
      models: { providers: { porchlight: { baseUrl: url, models: [{ id: MODEL, contextWindow: 1024 }] } } },
    });
    expect((await connectApp("nobody")).code).toBe(2);
    expect((await connectApp("aider", "--model", "vectors")).code).toBe(1);
    await unmarkRunning(stack.folder.running);
    expect(await connectApp("aider")).toMatchObject({ code: 1, stderr: expect.stringContaining("porchlight up") });
  });
});

describe("porchlight sessions", () => {
  it("brings conversations in, says what is wrong with which, and takes them out", async () => {
    const folder = await mkdtemp(join(tmpdir(), "porchlight-sessions-"));
    await markRunning(stack.folder.running, { pid: process.pid, origin: stack.origin });
    const sessions = async (...words: string[]) => await runHere(["sessions", ...words, "--data", stack.folder.root]);
    try {
      const file = join(folder, "conversations.json");
      const damaged = new Map(CLAUDE_DAMAGES.slice(0, 2).map((damage, at) => [at * 2 + 1, damage]));
      await writeFile(file, [...exportText("claude", 60, damaged)].join(""));
      const first = await sessions("import", file);
      expect(first).toMatchObject({ code: 0, stdout: "58 imported, 0 were here already, 2 could not be taken\n" });
      expect(first.stderr).toMatch(
        /left out entry 2 “Talk 1 .*”: Its JSON is broken\.\n.*entry 4 .*: Its JSON is broken\./,
      );
      const again = await sessions("import", file, "--json");
      expect(JSON.parse(again.stdout)).toMatchObject({
        added: 0,
        known: 58,
        skipped: 2,
        problems: [{ entry: 2 }, { entry: 4 }],
      });
      const out = join(folder, "sessions.ndjson");
      expect(await sessions("export", "--out", out)).toMatchObject({
        code: 0,
        stderr: `58 conversations are in ${out}.\n`,
      });
      const text = await readFile(out, "utf8");
      expect(
        text
          .trimEnd()
          .split("\n")
          .map((line): unknown => JSON.parse(line)),
      ).toHaveLength(58);
      expect(await sessions("export")).toMatchObject({ code: 0, stdout: text });
      expect((await sessions("export", "--out", out)).code).toBe(2);
      expect((await sessions("import", out)).stdout).toBe("0 imported, 58 were here already, 0 could not be taken\n");
      await writeFile(file, "no export");
      expect((await sessions("import", file)).code).toBe(1);
      expect((await sessions("import", folder)).code).toBe(2);
    } finally {
      await unmarkRunning(stack.folder.running);
      await rm(folder, { recursive: true, force: true });
    }
  });
});

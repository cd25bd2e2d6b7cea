import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { buildPlugin } from "../../../node-agent/plugins/build.ts";
import { readCases, runCase } from "../../../node-agent/plugins/cases.ts";
import { PluginSandbox } from "../../../node-agent/plugins/sandbox.ts";
import { tryPorts } from "../../../node-agent/plugins/try-ports.ts";
import { type PluginPackage, readPackage, writePackage } from "../../../shared/plugin/package.ts";
import { parseOffers } from "../../../shared/plugin/tool-list.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { tutorialBlocks } from "../../support/tutorial.ts";

const sandbox = new PluginSandbox({ processes: 1 });
afterAll(async () => await sandbox.stop());

async function built(folder: string, main: string): Promise<PluginPackage> {
  const words = { en: "Test", zh: "测试" };
  const permissions = { storageBytes: 10_000, turns: "read", schedule: true };
  const manifest = {
    name: "@test/parts",
    version: "1.0.0",
    title: words,
    description: words,
    kind: "tool",
    entry: "main.ts",
    permissions,
  };
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  await writeFile(join(folder, "main.ts"), main);
  const { manifest: whole, files } = await buildPlugin(folder);
  return await readPackage(writePackage(whole, files));
}

it("runs what the tutorial says of webhooks, hooks, knowledge and schedules, as cases", async () => {
  await using folder = await temporaryFolder();
  const blocks = (await tutorialBlocks()).filter(({ kind }) => kind === "typescript");
  const cases = [
    [{ part: "webhook", input: { body: "hello" }, output: { thanks: true } }],
    [
      { part: "beforeTurn", input: { question: "Hello" }, output: null },
      { part: "afterTurn", input: { question: "Hello", answer: "Yes" }, output: null },
    ],
    [
      { tool: "search", input: { query: "opening hours, Monday?" } },
      { part: "knowledge", input: { query: "zebra" }, output: { passages: [] } },
    ],
    [{ part: "schedule", input: {}, output: null }],
  ];
  expect(blocks).toHaveLength(cases.length);
  const offered: string[][] = [];
  for (const [at, { text }] of blocks.entries()) {
    const plugin = await built(folder.path, text);
    offered.push((await sandbox.offers(plugin)).parts.map(({ part }) => part));
    await writeFile(join(folder.path, "cases.json"), JSON.stringify(cases[at]));
    for (const one of await readCases(folder.path)) {
      const result = await runCase(sandbox, plugin, one, tryPorts);
      expect([one, result.wrong]).toEqual([one, undefined]);
    }
  }
  expect(offered).toEqual([["webhook"], ["beforeTurn", "afterTurn"], ["knowledge"], ["schedule"]]);
});

it("has a part called by its name alone, and only where it is", async () => {
  await using folder = await temporaryFolder();
  const plugin = await built(
    folder.path,
    "export default { tools: {}, webhook: ({ input }) => input.body, hooks: {} };",
  );
  const call = async (tool: string): Promise<unknown> =>
    await sandbox.call({
      package: plugin,
      tool,
      input: { body: "x" },
      caller: { locale: "en", timeZone: "UTC" },
      granted: { grants: [], capabilities: new Map() },
    });
  expect(await call("on:webhook")).toBe("x");
  for (const tool of ["webhook", "on:schedule", "on:beforeTurn", "on:toString", "on:", "toString", "constructor"])
    await expect(call(tool)).rejects.toMatchObject({ code: "plugin_input_invalid" });
});

it("takes no more of a plugin's word than what it may have", () => {
  const bad: unknown[] = [
    [],
    [{ part: "webhook" }, { part: "webhook" }],
    [{ part: "webhook", url: "x" }],
    [{ part: "everything" }],
    [{ part: "schedule" }],
    [{ part: "schedule", every: "x".repeat(101) }],
    [{ part: ["webhook"] }],
    [null],
    [{ name: "on:webhook", description: "d", input: { type: "object" } }],
    "webhook",
  ];
  for (const one of bad)
    expect(() => parseOffers(JSON.stringify(one))).toThrow(expect.objectContaining({ code: "plugin_invalid" }));
  expect(parseOffers('[{"part":"webhook"}]')).toEqual({ tools: [], parts: [{ part: "webhook" }] });
});

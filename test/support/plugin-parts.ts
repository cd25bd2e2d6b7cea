import { manifestDraftSchema } from "../../shared/plugin/manifest.ts";
import { completeManifest, type PluginPackage, readPackage, writePackage } from "../../shared/plugin/package.ts";
import { partCall } from "../../shared/plugin/parts.ts";

const MODULE = `
const context = (c) => [Object.keys(c).toSorted(), c.caller.locale];
export default {
  tools: { own: { description: "d", input: { type: "object" }, execute: () => "own" } },
  webhook: (c) => ({ webhook: c.input.body, context: context(c) }),
  hooks: {
    beforeTurn: async (c) => { await c.log("before"); return c.input.question.toUpperCase(); },
    afterTurn: async (c) => { await c.storage.set("after", c.input.answer); },
  },
  knowledge: { description: "k", search: async (c) => [{ text: c.input.query + " " + c.input.most }] },
  schedule: { every: "0 8 * * *", async run(c) { return new TextDecoder().decode(await c.storage.get("after")); } },
};`;

/** A plugin that has everything that a plugin can have. */
export async function everyPart(): Promise<PluginPackage & { bytes: Uint8Array<ArrayBuffer> }> {
  const files = new Map([["main.js", new TextEncoder().encode(MODULE)]]);
  const words = { en: "Every part", zh: "每个部分" };
  const draft = manifestDraftSchema.parse({
    name: "@test/parts",
    version: "1.0.0",
    title: words,
    description: words,
    kind: "tool",
    entry: "main.js",
    permissions: { turns: "read", schedule: true, storageBytes: 1_000 },
  });
  const bytes = writePackage(await completeManifest(draft, files), files);
  return { ...(await readPackage(bytes)), bytes };
}

/** What it says of itself, wherever it runs. */
export const EVERY_PART_OFFERS = {
  tools: ["search", "own"],
  parts: ["webhook", "beforeTurn", "afterTurn", "knowledge", "schedule"],
};

const CONTEXT = [["caller", "input", "log", "progress", "signal", "storage"], "zh-CN"];

/** Calls, and what they come to, in order, wherever they are made. `fails`: a part of the message. */
export const PART_CALLS: readonly { call: string; input: object; value?: unknown; fails?: string }[] = [
  { call: partCall("webhook"), input: { body: "hello" }, value: { webhook: "hello", context: CONTEXT } },
  { call: partCall("beforeTurn"), input: { question: "why?" }, value: "WHY?" },
  { call: partCall("afterTurn"), input: { question: "why?", answer: "because" }, value: null },
  { call: partCall("schedule"), input: { missed: 0 }, value: "because" },
  { call: partCall("knowledge"), input: { query: "cats", most: 3 }, value: { passages: [{ text: "cats 3" }] } },
  { call: "search", input: { query: "cats" }, value: { passages: [{ text: "cats 5" }] } },
  { call: "own", input: {}, value: "own" },
  { call: "webhook", input: {}, fails: "webhook" },
  { call: "on:own", input: {}, fails: "on:own" },
  { call: "on:constructor", input: {}, fails: "on:constructor" },
];

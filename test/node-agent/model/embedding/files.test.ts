import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { embeddingContextWithin } from "../../../../node-agent/agent/context-budget.ts";
import { readEmbeddingFiles } from "../../../../node-agent/model/embedding/files.ts";
import { loadEmbedder } from "../../../../node-agent/model/embedding/load.ts";
import { readJson } from "../../../../node-agent/model/json-file.ts";
import { readModel } from "../../../../node-agent/model/registry.ts";
import { referenceFolder } from "../../../support/embedding-vectors.ts";
import { STARTER } from "../../../support/engine-starter.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

let parent: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: string;
let count = 0;
beforeAll(async () => {
  parent = await temporaryFolder();
});
afterAll(() => parent[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = join(parent.path, `model${count++}`);
  await cp(referenceFolder("bert-mean"), folder, { recursive: true });
});

async function write(file: string, content: unknown): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), JSON.stringify(content));
}

async function changeConfig(change: Record<string, unknown>): Promise<void> {
  const config = await readJson(join(folder, "config.json"));
  await write("config.json", { ...(config as object), ...change }); // the fixture's, an object
}

const module = (type: string, path = "") => ({ idx: 0, name: "0", path, type: `sentence_transformers.models.${type}` });

describe("what a folder says of itself", () => {
  test("is read from the files of sentence-transformers", async () => {
    await write("1_Pooling/config.json", { pooling_mode: "lasttoken" });
    await write("config_sentence_transformers.json", {
      prompts: { passage: "passage: ", search_query: "query: ", other: "x" },
      default_prompt_name: "other",
    });
    expect(await readEmbeddingFiles(folder)).toMatchObject({
      architecture: "BertModel",
      pooling: "last",
      maxTokens: 32,
      prompts: { query: "query: ", document: "passage: ", default: "x" },
    });
  });

  test("may be nothing but that it is an encoder", async () => {
    for (const name of ["modules.json", "1_Pooling", "sentence_bert_config.json"]) {
      await rm(join(folder, name), { recursive: true });
    }
    const empty = { query: "", document: "", default: "" };
    expect(await readEmbeddingFiles(folder)).toMatchObject({ pooling: "mean", maxTokens: 40, prompts: empty });
  });

  test("leaves models for chat alone", async () => {
    expect(await readEmbeddingFiles(STARTER)).toBeUndefined();
  });

  test.each<[string, string, unknown, RegExp]>([
    [
      "a module nobody knows",
      "modules.json",
      [module("Transformer"), module("Dense", "2_Dense")],
      /Dense, which is not/,
    ],
    ["a way out of the folder", "modules.json", [module("Pooling", "../../etc")], /names the folder/],
    ["a list that is none", "modules.json", { a: 1 }, /modules\.json/],
    [
      "two poolings",
      "1_Pooling/config.json",
      { pooling_mode_cls_token: true, pooling_mode_max_tokens: true },
      /cls and max/,
    ],
    [
      "an unknown pooling",
      "1_Pooling/config.json",
      { pooling_mode: "weightedmean" },
      /by weightedmean is not supported/,
    ],
    ["no pooling", "1_Pooling/config.json", {}, /by nothing is not supported/],
    [
      "a pooling without its prompt",
      "1_Pooling/config.json",
      { pooling_mode: "mean", include_prompt: false },
      /prompt/,
    ],
    ["a length below zero", "sentence_bert_config.json", { max_seq_length: -1 }, /max_seq_length/],
    ["prompts that are no texts", "config_sentence_transformers.json", { prompts: { query: 1 } }, /prompts/],
    ["an endless prompt", "config_sentence_transformers.json", { prompts: { query: "x".repeat(20_000) } }, /prompts/],
  ])("with %s is refused", async (_, file, content, message) => {
    await write(file, content);
    await expect(readEmbeddingFiles(folder)).rejects.toThrow(message);
    expect(await readModel(folder)).toMatchObject({ usable: false });
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ["heads that do not divide", { num_attention_heads: 5 }, /5 heads cannot share 24/],
    ["an unknown activation", { hidden_act: "swish" }, /activation swish/],
    ["relative positions", { position_embedding_type: "relative_key" }, /only absolute positions/],
    ["a size out of all reason", { hidden_size: 2 ** 40 }, /hidden_size/],
    ["no vocabulary", { vocab_size: undefined }, /vocab_size/],
  ])("with %s is refused", async (_, change, message) => {
    await changeConfig(change);
    await expect(readEmbeddingFiles(folder)).rejects.toThrow(message);
  });

  test("with a head for classes is no model for embeddings", async () => {
    await changeConfig({ architectures: ["BertForSequenceClassification"] });
    await rm(join(folder, "modules.json"));
    expect(await readModel(folder)).toMatchObject({ usable: false, problem: expect.stringContaining("not supported") });
  });
});

test("weights of another shape than config.json calls for are refused by name", async () => {
  await changeConfig({ intermediate_size: 41 });
  const load = loadEmbedder({ folder, quantization: "fp32", cacheDir: parent.path });
  await expect(load).rejects.toThrow(/encoder\.layer\.0\.intermediate\.dense\.weight is \[40, 24\]/);
});

test("texts are no longer than memory allows", async () => {
  expect(await embeddingContextWithin(folder, 2 ** 33)).toBe(32);
  await changeConfig({ max_position_embeddings: 100_000 });
  await rm(join(folder, "sentence_bert_config.json"));
  const within = await embeddingContextWithin(folder, 2 ** 30);
  expect(within).toBeLessThan(10_000);
  expect(within ** 2 * 3 * 8).toBeLessThanOrEqual(2 ** 30 / 6);
});

import { cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadEmbedder } from "../../../../node-agent/model/embedding/load.ts";
import { readModel } from "../../../../node-agent/model/registry.ts";
import { GraphBuilder } from "../../../../node-agent/runtime/graph-builder.ts";
import { distance, readExpected, referenceFolder } from "../../../support/embedding-vectors.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const EXPORTED = fileURLToPath(new URL("../../../vectors/embedding/bert-mean.onnx", import.meta.url));

let parent: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: string;
let count = 0;
beforeAll(async () => {
  parent = await temporaryFolder();
});
afterAll(() => parent[Symbol.asyncDispose]());

/** A folder of the transformers.js kind: PyTorch's export of the reference model, in place of its safetensors. */
beforeEach(async () => {
  folder = join(parent.path, `model${count++}`);
  await cp(referenceFolder("bert-mean"), folder, { recursive: true });
  await rm(join(folder, "model.safetensors"));
  await mkdir(join(folder, "onnx"));
  await cp(EXPORTED, join(folder, "onnx", "model.onnx"));
});

const load = () => loadEmbedder({ folder, quantization: "fp32", cacheDir: parent.path, threads: 1 });

test("a graph that gives states is pooled as the folder says", async () => {
  const expected = await readExpected("bert-mean");
  const { embedder } = await load();
  const vectors = await embedder.embed(expected.map(({ ids }) => ids));
  for (const [i, { vector }] of expected.entries()) expect(distance(vectors[i] ?? [], vector)).toBeLessThan(2e-5);
  await embedder.dispose();
});

test("the folder is listed with what its file's name says", async () => {
  expect(await readModel(folder)).toMatchObject({
    usable: true,
    info: { task: "embed", quantization: "fp32", contextLength: 32, architecture: "BertModel" },
  });
  await rename(join(folder, "onnx", "model.onnx"), join(folder, "onnx", "model_quantized.onnx"));
  expect(await readModel(folder)).toMatchObject({ info: { quantization: "int8" } });
});

test.each<[string, (graph: GraphBuilder) => void, RegExp]>([
  ["an input that nobody knows", (graph) => graph.input("pixels", "int64", ["texts", "length"]), /input pixels/],
  ["no tokens", () => undefined, /no input input_ids/],
  ["an input of numbers", (graph) => graph.input("input_ids", "float32", ["texts", "length"]), /input_ids \(float32\)/],
])("a graph with %s is refused", async (_, change, message) => {
  const graph = new GraphBuilder();
  change(graph);
  graph.node("sentence_embedding", "ConstantOfShape", [graph.shape("size", [1, 4])]);
  graph.output("sentence_embedding", "float32", ["texts", 4]);
  await writeFile(join(folder, "onnx", "model.onnx"), graph.encode());
  await expect(load()).rejects.toThrow(message);
  expect(await readModel(folder)).toMatchObject({ usable: false });
});

test("a graph whose output is not one vector for each text is refused when it runs", async () => {
  const graph = new GraphBuilder();
  graph.input("input_ids", "int64", ["texts", "length"]);
  graph.node("sentence_embedding", "ConstantOfShape", [graph.shape("size", [1, 4])]);
  graph.output("sentence_embedding", "float32", ["texts", 4]);
  await writeFile(join(folder, "onnx", "model.onnx"), graph.encode());
  const { embedder } = await load();
  await expect(embedder.embed([[4], [5]])).rejects.toThrow(/for 2 texts of 1 tokens/);
  await embedder.dispose();
});

test("weights outside of the folder are refused", async () => {
  const graph = new GraphBuilder();
  graph.input("input_ids", "int64", ["texts", "length"]);
  const data = { kind: "external", file: "../../secret", offset: 0, length: 16 } as const;
  graph.node("sentence_embedding", "Identity", [graph.initializer("w", "float32", [1, 4], data)]);
  graph.output("sentence_embedding", "float32", ["texts", 4]);
  await writeFile(join(folder, "onnx", "model.onnx"), graph.encode());
  await expect(load()).rejects.toThrow(/no file beside the model/);
});

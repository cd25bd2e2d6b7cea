import { cp, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkExternalData } from "../../../../node-agent/model/onnx/external-data.ts";
import { readOnnxGraph } from "../../../../node-agent/model/onnx/graph.ts";
import { encodeOnnxModel, type InitializerData } from "../../../../node-agent/runtime/onnx-proto.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const VECTORS = join(import.meta.dirname, "../../../vectors/onnx");

async function temporary(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  return folder.path;
}

/** A model whose only weight, 4 float32, is in `data`. */
const modelWith = (data: InitializerData): Uint8Array =>
  encodeOnnxModel({
    nodes: [{ name: "sum", op: "Add", domain: "", inputs: ["x", "weight"], outputs: ["y"], attributes: {} }],
    initializers: [{ name: "weight", type: "float32", dims: [4], data }],
    inputs: [{ name: "x", type: "float32", dims: ["rows", 4] }],
    outputs: [{ name: "y", type: "float32", dims: ["rows", 4] }],
    opsets: [{ domain: "", version: 21 }],
  });

/** A folder with such a model and 16 bytes of weights beside it; outside of it, 16 bytes more. */
async function write(file: string, offset = 0, length = 16): Promise<string> {
  const parent = await temporary();
  const folder = join(parent, "model");
  await mkdir(folder);
  for (const path of [join(parent, "secret"), join(folder, "weights.bin")]) await writeFile(path, new Uint8Array(16));
  await writeFile(join(folder, "model.onnx"), modelWith({ kind: "external", file, offset, length }));
  return join(folder, "model.onnx");
}

const check = async (path: string) => await checkExternalData(path, await readOnnxGraph(path));

describe("what an ONNX file says of its model", () => {
  it("is read of another tool's file: ends, nodes and weights", async () => {
    const graph = await readOnnxGraph(join(VECTORS, "hub/onnx/model.onnx"));
    expect(graph.inputs.map(({ name }) => name)).toEqual([
      "input_ids",
      "attention_mask",
      "position_ids",
      ...["0.key", "0.value", "1.key", "1.value"].map((name) => `past_key_values.${name}`),
    ]);
    expect(graph.inputs[3]).toEqual({
      name: "past_key_values.0.key",
      type: "float32",
      dims: ["batch_size", 2, "past_sequence_length", 16],
    });
    expect(graph.outputs[0]).toEqual({ name: "logits", type: "float32", dims: ["batch_size", "sequence_length", 64] });
    expect(graph.nodes.some(({ op, domain }) => op === "Concat" && domain === "")).toBe(true);
    expect(graph.initializers).toContainEqual(
      expect.objectContaining({ type: "float32", dims: [64, 32], external: undefined }),
    );
  });

  it("has integers of attributes, and float16 for what they are", async () => {
    const { nodes, inputs } = await readOnnxGraph(join(VECTORS, "hub/onnx/model_fp16.onnx"));
    const attention = nodes.find(({ op }) => op === "GroupQueryAttention");
    expect(attention?.domain).toBe("com.microsoft");
    expect(Object.fromEntries(attention?.integers ?? [])).toMatchObject({ num_heads: 4, kv_num_heads: 2 });
    expect(inputs.at(-1)?.type).toBe("float16");
  });

  it("is an error for every shorter file, and never a crash", async () => {
    const bytes = await readFile(join(VECTORS, "genai/model.onnx"));
    const path = join(await temporary(), "model.onnx");
    for (let length = bytes.length - 1; length >= 0; length -= 61) {
      await writeFile(path, bytes.subarray(0, length));
      await expect(readOnnxGraph(path)).rejects.toMatchObject({ code: "model_load_failed" });
    }
  });

  it("is an error for what is no ONNX model", async () => {
    const path = join(await temporary(), "model.onnx");
    for (const bytes of [Buffer.from("{}"), new Uint8Array(64).fill(255), new Uint8Array(0)]) {
      await writeFile(path, bytes);
      await expect(readOnnxGraph(path)).rejects.toMatchObject({ code: "model_load_failed" });
    }
    await expect(readOnnxGraph(join(path, "nothing"))).rejects.toMatchObject({ code: "model_load_failed" });
  });
});

describe("external weights", () => {
  it("are found beside the model", async () => {
    expect(await check(join(VECTORS, "genai/model.onnx"))).toEqual(["model.onnx.data"]);
    expect(await check(await write("weights.bin"))).toEqual(["weights.bin"]);
  });

  it.each([
    "../secret",
    "/etc/passwd",
    "..",
    "sub/../../secret",
    "..\\secret",
    "C:secret",
    "a\0b",
    "*/_ORT_MEM_ADDR_/*",
    "",
  ])("are refused in %j, outside of the folder", async (location) => {
    await expect(write(location).then(check)).rejects.toThrow(/no file beside the model/u);
  });

  it.each([
    ["a file that is not there", "nothing.bin", 0, 16],
    ["bytes beyond the end", "weights.bin", 4, 16],
    ["fewer bytes than its shape takes", "weights.bin", 0, 12],
    ["a negative offset", "weights.bin", -4, 16],
    ["an offset past all numbers", "weights.bin", 2 ** 60, 16],
  ])("are refused in %s", async (_, location, offset, length) => {
    await expect(write(location, offset, length).then(check)).rejects.toMatchObject({ code: "model_load_failed" });
  });

  it("are refused when the file was cut off", async () => {
    const folder = await temporary();
    await cp(join(VECTORS, "genai"), folder, { recursive: true });
    await truncate(join(folder, "model.onnx.data"), 1000);
    await expect(check(join(folder, "model.onnx"))).rejects.toThrow(
      /does not fit into model\.onnx\.data, which has 1000 bytes/u,
    );
  });
});

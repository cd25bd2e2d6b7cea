import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadDecoder } from "../../../../node-agent/model/load.ts";
import { readModelShape } from "../../../../node-agent/model/model-files.ts";
import { readOnnxFiles } from "../../../../node-agent/model/onnx/files.ts";
import { listLocalModels, type LocalModel, readModel } from "../../../../node-agent/model/registry.ts";
import { encodeOnnxModel, type OnnxModel } from "../../../../node-agent/runtime/onnx-proto.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const VECTORS = join(import.meta.dirname, "../../../vectors/onnx");

/** A copy of a fixture, with a tokenizer beside it, that is removed when the test is done. */
async function copy(kind: "hub" | "genai"): Promise<{ parent: string; folder: string }> {
  const place = await temporaryFolder();
  onTestFinished(() => place[Symbol.asyncDispose]());
  const folder = join(place.path, "tiny");
  await cp(join(VECTORS, kind), folder, { recursive: true });
  await writeFile(join(folder, "tokenizer.json"), "{}");
  return { parent: place.path, folder };
}

/** Leaves one graph in a folder of onnx-community's kind. */
async function keep(folder: string, file: string): Promise<void> {
  await rename(join(folder, "onnx", file), join(folder, file));
  await rm(join(folder, "onnx"), { recursive: true });
  await mkdir(join(folder, "onnx"));
  await rename(join(folder, file), join(folder, "onnx", file));
}

function infoOf(model: LocalModel | undefined) {
  if (!model?.usable) throw new Error(model?.problem ?? "no model");
  return model.info;
}

const problemOf = (model: LocalModel): string => (model.usable ? "none" : model.problem);

/** A decoder of one layer whose ends are these; its nodes compute nothing that matters. */
const decoderWith = (change: (model: OnnxModel) => OnnxModel): Uint8Array => {
  const cache = ["batch", 2, "past", 16];
  const ends = (names: readonly string[]) => names.map((name) => ({ name, type: "float32" as const, dims: cache }));
  return encodeOnnxModel(
    change({
      nodes: [{ name: "n", op: "Identity", domain: "", inputs: ["input_ids"], outputs: ["logits"], attributes: {} }],
      initializers: [],
      inputs: [
        { name: "input_ids", type: "int64", dims: ["batch", "length"] },
        ...ends(["past_key_values.0.key", "past_key_values.0.value"]),
      ],
      outputs: [
        { name: "logits", type: "float32", dims: ["batch", "length", 64] },
        ...ends(["present.0.key", "present.0.value"]),
      ],
      opsets: [{ domain: "", version: 21 }],
    }),
  );
};

describe("a folder with ready-made graphs", () => {
  it("is listed with what its configuration and graph say, 4 bits first", async () => {
    const { parent } = await copy("hub");
    const [model] = await listLocalModels({ folders: [parent] });
    expect(infoOf(model)).toMatchObject({
      name: "tiny",
      task: "generate",
      architecture: "LlamaForCausalLM",
      contextLength: 128,
      quantization: "int4",
    });
    // 64 x 32 twice in vocabularies, two layers of 32 x (64 + 32 + 32 + 64 + 3 x 48); the gains of all norms are one tensor of ones.
    expect(infoOf(model).parameters).toBe(2 * 2048 + 2 * 32 * 336 + 32);
  });

  it.each([
    ["model_quantized.onnx", "int8"],
    ["model_fp16.onnx", "fp32"],
    ["model.onnx", "fp32"],
  ])("runs %s as %s", async (file, quantization) => {
    const { folder } = await copy("hub");
    await keep(folder, file);
    expect(infoOf(await readModel(folder)).quantization).toBe(quantization);
  });

  it("takes the graph in the quantisation asked for", async () => {
    const fileOf = async (wanted?: "fp32" | "int8" | "int4") =>
      (await readOnnxFiles(join(VECTORS, "hub"), wanted))?.graphPath.split("/").at(-1);
    expect(await fileOf()).toBe("model_q4.onnx");
    expect(await fileOf("int8")).toBe("model_quantized.onnx");
    expect(await fileOf("fp32")).toBe("model_fp16.onnx");
  });

  it("of onnxruntime-genai's kind needs no config.json", async () => {
    const { parent, folder } = await copy("genai");
    const [model] = await listLocalModels({ folders: [parent] });
    expect(infoOf(model)).toMatchObject({ architecture: "llama", contextLength: 128, quantization: "fp32" });
    expect(await readModelShape(folder)).toMatchObject({ layers: 2, kvHeads: 2, headDim: 16, eosTokenIds: [2] });
  });

  it("is loaded like any other model, and the second time from the cache", async () => {
    const { parent, folder } = await copy("genai");
    const stages: string[] = [];
    const load = async () =>
      await loadDecoder({
        folder,
        quantization: "fp32",
        cacheDir: join(parent, "cache"),
        slots: 1,
        threads: 1,
        contextLength: 40,
        onProgress: (stage) => stages.push(stage),
      });
    const first = await load();
    const logits = (await first.prefill(0, [1, 17, 42], 0)).slice();
    expect(first.contextLength).toBe(40);
    await first.dispose();
    expect(stages).toContain("compiling");
    stages.length = 0;
    const second = await load();
    expect(stages).not.toContain("compiling");
    expect(await second.prefill(0, [1, 17, 42], 0)).toEqual(logits);
    await second.dispose();
  });
});

describe("a folder that cannot be used", () => {
  it.each([
    [{ filename: "../model.onnx" }, /no ONNX file of this folder/u],
    [{ filename: "other.onnx" }, /other\.onnx could not be opened/u],
    [{ inputs: { input_ids: "tokens" } }, /no input named tokens/u],
    [{ inputs: { past_key_names: "past_%d" } }, /no input named past_0/u],
  ])("says so where genai_config.json has %j", async (change, problem) => {
    const { folder } = await copy("genai");
    const path = join(folder, "genai_config.json");
    const config = JSON.parse(await readFile(path, "utf8"));
    Object.assign(config.model.decoder, change);
    await writeFile(path, JSON.stringify(config));
    expect(problemOf(await readModel(folder))).toMatch(problem);
  });

  it.each<[string, (model: OnnxModel) => OnnxModel, RegExp]>([
    [
      "another input",
      (model) => ({
        ...model,
        inputs: [...model.inputs, { name: "inputs_embeds", type: "float32", dims: ["b", "l", 8] }],
      }),
      /wants the input inputs_embeds, which is not supported/u,
    ],
    [
      "another state",
      (model) => ({
        ...model,
        outputs: [...model.outputs, { name: "present_conv.0", type: "float32", dims: ["b", 8] }],
      }),
      /keeps a state present_conv\.0/u,
    ],
    [
      "no cache",
      (model) => ({ ...model, inputs: model.inputs.slice(0, 1) }),
      /no input named past_key_values\.0\.key/u,
    ],
    [
      "a cache of integers",
      (model) => ({
        ...model,
        inputs: model.inputs.map((port) =>
          port.name === "input_ids" ? port : { name: port.name, type: "int8", dims: ["b", 2, "p", 16] },
        ),
      }),
      /is int8, which is not supported on this machine/u,
    ],
    [
      "a cache of unknown size",
      (model) => ({
        ...model,
        inputs: model.inputs.map((port) =>
          port.name === "input_ids" ? port : { name: port.name, type: "float32", dims: ["b", "h", "p", "d"] },
        ),
      }),
      /does not say the size of past_key_values\.0\.key/u,
    ],
  ])("says so where the graph has %s", async (_, change, problem) => {
    const { folder } = await copy("hub");
    await keep(folder, "model.onnx");
    await writeFile(join(folder, "onnx/model.onnx"), decoderWith(change));
    expect(problemOf(await readModel(folder))).toMatch(problem);
  });

  it("is refused before its graph is opened if weights are to come from elsewhere", async () => {
    const { parent, folder } = await copy("genai");
    await rename(join(folder, "model.onnx.data"), join(parent, "model.onnx.data"));
    const options = { folder, quantization: "fp32", cacheDir: join(parent, "cache"), slots: 1 } as const;
    await expect(loadDecoder(options)).rejects.toThrow(/keeps weights in model\.onnx\.data, which is not beside it/u);
  });
});

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadDecoder } from "../../../../node-agent/model/load.ts";
import { listLocalModels } from "../../../../node-agent/model/registry.ts";
import { pullFrom } from "../../../support/hub-pull.ts";
import { TestHub } from "../../../support/hub-server.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const VECTORS = join(import.meta.dirname, "../../../vectors/onnx");
const GENAI = ["genai_config.json", "model.onnx", "model.onnx.data"];
const HUB = ["config.json", "onnx/model_fp16.onnx", "onnx/model_q4.onnx", "onnx/model.onnx"];

async function fixture(kind: "hub" | "genai", prefix = ""): Promise<Record<string, Uint8Array>> {
  const names = kind === "hub" ? HUB : GENAI;
  const files = await Promise.all(
    names.map(async (name) => [`${prefix}${name}`, await readFile(join(VECTORS, kind, name))] as const),
  );
  return { ...Object.fromEntries(files), [`${prefix}tokenizer.json`]: Buffer.from("{}") };
}

it.each([
  ["a graph by its quantisation", "hub", "", "acme/tiny:fp16", "fp32", ["config.json", "onnx/model_fp16.onnx"]],
  ["the preferred graph", "hub", "", "acme/tiny", "int4", ["config.json", "onnx/model_q4.onnx"]],
  ["a folder of onnxruntime-genai", "genai", "cpu/cpu-fp32/", "acme/tiny:cpu-fp32", "fp32", GENAI],
] as const)("%s is pulled, listed and loaded", async (_, kind, prefix, source, quantization, names) => {
  await using folder = await temporaryFolder();
  await using hub = await TestHub.start({ files: await fixture(kind, prefix) });
  const pulled = await pullFrom(hub, folder.path, {
    source,
    inspectConfig: () => {
      throw new Error("The graph decides, not the architecture.");
    },
  });
  expect(pulled.manifest.files.map(({ name }) => name).toSorted()).toEqual([...names, "tokenizer.json"].toSorted());
  const [model] = await listLocalModels({ folders: [folder.path] });
  expect(model).toMatchObject({ name: "tiny", usable: true, info: { quantization, contextLength: 128 } });
  const options = { folder: pulled.folder, cacheDir: join(folder.path, ".cache"), slots: 1, threads: 1 };
  const decoder = await loadDecoder({ ...options, quantization });
  expect(await decoder.prefill(0, [1, 17, 42], 0)).toHaveLength(64);
  await decoder.dispose();
});

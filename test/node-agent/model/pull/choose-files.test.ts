import { describe, expect, it } from "vitest";
import { chooseFiles, quantizationOf } from "../../../../node-agent/model/pull/choose-files.ts";

const choose = (paths: readonly string[], wanted?: string) =>
  chooseFiles({ repo: "acme/tiny", commit: "", files: paths.map((path) => ({ path, bytes: 1 })) }, wanted).files.map(
    ({ path }) => path,
  );
const COMPANIONS = [
  "chat_template.jinja",
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
];
const OTHERS = [
  ".gitattributes",
  "README.md",
  "pytorch_model.bin",
  "consolidated.safetensors",
  "training_args.pt",
  "modeling_tiny.py",
  "onnx/decoder_model.onnx",
  "original/model.safetensors",
  "tokenizer.model",
];

describe("chooseFiles", () => {
  it("takes one safetensors file and its companions", () => {
    expect(choose([...OTHERS, ...COMPANIONS, "model.safetensors"])).toEqual([...COMPANIONS, "model.safetensors"]);
  });

  it("takes all shards with their index", () => {
    const shards = [
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ];
    expect(choose([...shards, ...OTHERS, ...COMPANIONS])).toEqual([...COMPANIONS, ...shards]);
  });

  it("takes what says how a model for embeddings pools and what its prompts are", () => {
    const sentence = [
      "1_Pooling/config.json",
      "config.json",
      "config_sentence_transformers.json",
      "model.safetensors",
      "modules.json",
      "sentence_bert_config.json",
    ];
    expect(choose([...sentence, ...OTHERS, "2_Dense/pytorch_model.bin", "openvino/config.json"])).toEqual([
      ...sentence.filter((name) => name !== "model.safetensors"),
      "model.safetensors",
    ]);
  });

  it("prefers safetensors to GGUF, and takes the GGUF file that is asked for", () => {
    const both = ["config.json", "model.safetensors", "tiny-q4_0.gguf", "sub/tiny-Q8_0.gguf"];
    expect(choose(both)).toEqual(["config.json", "model.safetensors"]);
    expect(choose(both, "Q4_0")).toEqual(["tiny-q4_0.gguf"]);
    expect(choose(both, "q8_0")).toEqual(["sub/tiny-Q8_0.gguf"]);
    expect(choose(both, "sub/tiny-Q8_0.gguf")).toEqual(["sub/tiny-Q8_0.gguf"]);
  });

  it("takes the only GGUF file, or Q4_K_M of several", () => {
    expect(choose(["README.md", "tiny.gguf", "mmproj-F16.gguf"])).toEqual(["tiny.gguf"]);
    expect(choose(["a-Q2_K.gguf", "a-Q4_K_M.gguf", "a-Q8_0.gguf"])).toEqual(["a-Q4_K_M.gguf"]);
  });

  const GRAPHS = ["", "_fp16", "_q4", "_quantized"].map((kind) => `onnx/model${kind}.onnx`);

  it("takes a ready-made graph with its weights: 4 bits, or the one that is asked for", () => {
    const files = [
      ...COMPANIONS,
      ...GRAPHS,
      "onnx/model_q4.onnx_data",
      "onnx/model.onnx_data",
      "onnx/model.onnx_data_1",
    ];
    expect(choose(files)).toEqual([...COMPANIONS, "onnx/model_q4.onnx", "onnx/model_q4.onnx_data"]);
    expect(choose(files, "FP16")).toEqual([...COMPANIONS, "onnx/model_fp16.onnx"]);
    expect(choose(files, "onnx/model_quantized.onnx")).toEqual([...COMPANIONS, "onnx/model_quantized.onnx"]);
    const whole = ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx_data_1"];
    expect(choose(files, "fp32")).toEqual([...COMPANIONS, ...whole]);
    expect(() => choose(files, "q8")).toThrow(/no "q8".*q4, quantized, fp16, fp32/u);
  });

  it("prefers weights to ready-made graphs", () => {
    expect(choose([...COMPANIONS, ...GRAPHS, "model.safetensors"])).toEqual([...COMPANIONS, "model.safetensors"]);
    expect(choose([...GRAPHS, "tiny.gguf"])).toEqual(["tiny.gguf"]);
  });

  it("takes a folder of onnxruntime-genai, for the CPU first", () => {
    const [cuda, cpu] = ["cuda/cuda-int4-rtn/", "cpu_and_mobile/cpu-int4-rtn/"];
    const inside = ["genai_config.json", "model.onnx", "model.onnx.data", "tokenizer.json"];
    const folder = (prefix: string) => inside.map((name) => `${prefix}${name}`);
    const files = ["README.md", ...folder(cuda), ...folder(cpu), `${cpu}added.py`, `${cpu}more/model.onnx`];
    expect(choose(files).toSorted()).toEqual(folder(cpu));
    expect(choose(files, "cuda-int4-rtn").toSorted()).toEqual(folder(cuda));
    expect(choose(files, "cuda/cuda-int4-rtn").toSorted()).toEqual(folder(cuda));
    const listed = files.map((path) => ({ path, bytes: 1 }));
    expect(chooseFiles({ repo: "acme/tiny", commit: "", files: listed }, undefined).prefix).toBe(cpu);
  });

  it.each([
    [OTHERS, undefined, /no model in safetensors, GGUF or ONNX/],
    [["a-Q2_K.gguf", "a-Q8_0.gguf"], undefined, /several models.*Q2_K, Q8_0/],
    [["a-Q2_K.gguf", "a-Q8_0.gguf"], "Q4_0", /no "Q4_0".*Q2_K, Q8_0/],
    [["a-Q2_K.gguf", "b-Q2_K.gguf"], "Q2_K", /a-Q2_K\.gguf, b-Q2_K\.gguf/],
    [["a-Q2_K-00001-of-00002.gguf", "a-Q2_K-00002-of-00002.gguf"], "Q2_K", /no "Q2_K"/],
    [["pytorch_model.bin", "model.safetensors"], "pytorch_model.bin", /no file that can be pulled by itself/],
  ])("says what there is in %j for %j", (paths, wanted, sentence) => {
    expect(() => choose(paths, wanted)).toThrow(sentence);
  });

  it.each([
    ["Tiny-7B-Q4_K_M.gguf", "Q4_K_M"],
    ["tiny.iq4_nl.gguf", "IQ4_NL"],
    ["BF16.gguf", "BF16"],
    ["tiny-f16.gguf", "F16"],
    ["tiny.gguf", undefined],
  ])("reads the quantisation of %s", (path, quantization) => {
    expect(quantizationOf(path)).toBe(quantization);
  });
});

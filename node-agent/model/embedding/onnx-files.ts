import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Quantization } from "../../../shared/inference/model.ts";
import { modelError } from "../model-error.ts";
import { checkExternalData } from "../onnx/external-data.ts";
import { ONNX_HELD, type OnnxVariant, onnxVariant } from "../onnx/files.ts";
import { type OnnxElementType, type OnnxGraph, readOnnxGraph } from "../onnx/graph.ts";

/** A ready-made graph for embeddings: how it wants its inputs and what it gives. */
export interface OnnxEmbedding {
  path: string;
  quantization: Quantization;
  /** The element type of each input that it has. */
  inputs: ReadonlyMap<InputName, "int32" | "int64">;
  output: string;
  /** Whether the output is one vector a text, and not one a token. */
  isPooled: boolean;
  /** Components of a vector. */
  size: number;
  /** Weights, as far as the file's tensors tell. */
  parameters: number;
}

const INPUTS = ["input_ids", "attention_mask", "token_type_ids", "position_ids"] as const;
type InputName = (typeof INPUTS)[number];

/** What exporters call the vectors, the best first. */
const POOLED = ["sentence_embedding"];
const STATES = ["last_hidden_state", "token_embeddings"];

/** 8 bits come first, as transformers.js has it. */
const ORDER: readonly OnnxVariant[] = ["quantized", "int8", "uint8", "", "fp16", "q4", "q4f16", "bnb4"];

/**
 * The graph for embeddings in a folder of the transformers.js kind (`onnx/model_quantized.onnx` and its like): the one in `wanted`, if there
 * is one. Undefined if there is no ONNX file, or one of another task. Throws `model_load_failed` for one that is not supported.
 */
export async function readOnnxEmbedding(folder: string, wanted?: Quantization): Promise<OnnxEmbedding | undefined> {
  const found = await findGraph(folder, wanted);
  if (found === undefined) return undefined;
  const { path, variant } = found;
  const graph = await readOnnxGraph(path);
  const output = outputOf(graph);
  if (output === undefined) return undefined;
  await checkExternalData(path, graph);
  const size = output.dims.at(-1);
  if (typeof size !== "number" || output.type !== "float32") {
    throw modelError(`${basename(path)}: the output ${output.name} does not say how long its float32 vectors are.`);
  }
  return {
    path,
    quantization: ONNX_HELD[variant],
    inputs: inputsOf(graph, basename(path)),
    output: output.name,
    isPooled: POOLED.includes(output.name),
    size,
    parameters: graph.initializers.reduce((sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1), 0),
  };
}

async function findGraph(folder: string, wanted: Quantization | undefined) {
  const order = ORDER.toSorted((a, b) => Number(ONNX_HELD[b] === wanted) - Number(ONNX_HELD[a] === wanted));
  for (const place of [join(folder, "onnx"), folder]) {
    const names = await readdir(place).catch(() => []);
    for (const variant of order) {
      const file = names.find((name) => onnxVariant(name) === variant);
      if (file !== undefined) return { path: join(place, file), variant };
    }
  }
  return undefined;
}

function outputOf({ outputs }: OnnxGraph) {
  // A language model may give its states too.
  if (outputs.some(({ name }) => name === "logits")) return undefined;
  return [...POOLED, ...STATES].map((name) => outputs.find((port) => port.name === name)).find((port) => port);
}

function inputsOf({ inputs }: OnnxGraph, file: string): OnnxEmbedding["inputs"] {
  const found = new Map<InputName, "int32" | "int64">();
  for (const { name, type } of inputs) {
    if (!isInput(name) || !isInteger(type))
      throw modelError(`${file}: the input ${name.slice(0, 200)} (${type}) is not supported.`);
    found.set(name, type);
  }
  if (!found.has("input_ids")) throw modelError(`${file} has no input input_ids.`);
  return found;
}

function isInput(name: string): name is InputName {
  return INPUTS.some((known) => known === name);
}

function isInteger(type: OnnxElementType): type is "int32" | "int64" {
  return type === "int32" || type === "int64";
}

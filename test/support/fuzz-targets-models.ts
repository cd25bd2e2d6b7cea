import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readEmbeddingFiles } from "../../node-agent/model/embedding/files.ts";
import { modelError } from "../../node-agent/model/model-error.ts";
import { readOnnxFiles } from "../../node-agent/model/onnx/files.ts";
import { inspectOnnx } from "../../node-agent/model/onnx/inspect.ts";
import { openSafetensors } from "../../node-agent/model/safetensors.ts";
import { hostileJson, type Json } from "./fuzz-json.ts";
import type { FuzzTarget } from "./fuzz-targets.ts";
import { mutated } from "./gguf-mutations.ts";

/** Targets for ready-made graphs, models for embeddings, and weights that are kept in integers. */

const GENAI = fileURLToPath(new URL("../vectors/onnx/genai/", import.meta.url));
// A Buffer's slices share its memory, and damage would stay.
const vector = async (name: string) => new Uint8Array(await readFile(join(GENAI, name)));
const GRAPH = await vector("model.onnx");
const GRAPH_DATA = await vector("model.onnx.data");
const GENAI_CONFIG = await vector("genai_config.json");

async function readGraph(folder: string): Promise<void> {
  const files = await readOnnxFiles(folder);
  if (files === undefined) throw modelError("There is no graph.");
  const { weightPaths } = await inspectOnnx(files);
  const outside = weightPaths.find((path) => !path.startsWith(folder) || path.includes(".."));
  if (outside !== undefined) throw new Error(`Weights are taken from ${outside}.`);
}

const BERT = {
  architectures: ["BertModel"],
  model_type: "bert",
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 64,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: "gelu",
  pad_token_id: 0,
} satisfies Json;

/** Two matrices in integers, as compressed-tensors keeps them: in 4 bits and in 8. */
const PACKED = (() => {
  const entries: [name: string, dtype: string, shape: number[], bytes: number][] = [
    ["model.layers.0.a.weight_packed", "I32", [4, 8], 128],
    ["model.layers.0.a.weight_scale", "F32", [4, 2], 32],
    ["model.layers.0.a.weight_shape", "I64", [2], 16],
    ["model.layers.0.b.weight", "I8", [4, 64], 256],
    ["model.layers.0.b.weight_scale", "F32", [4, 1], 16],
  ];
  let end = 0;
  const header = Object.fromEntries(
    entries.map(([name, dtype, shape, bytes]) => {
      end += bytes;
      return [name, { dtype, shape, data_offsets: [end - bytes, end] }];
    }),
  ) satisfies Json;
  const data = new Uint8Array(end).fill(7);
  data.set(new Uint8Array(BigInt64Array.of(4n, 64n).buffer), 128 + 32);
  return { header, data };
})();

const packedFile = (header: Uint8Array) => {
  const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
  return new Uint8Array(Buffer.concat([length, header, PACKED.data]));
};
const PACKED_FILE = packedFile(new TextEncoder().encode(JSON.stringify(PACKED.header)));

async function readIntegers(folder: string): Promise<void> {
  const source = await openSafetensors(folder);
  try {
    for (const [name, { elements, shape }] of source.tensors) {
      await source.read(name, 0, elements);
      if (source.ints?.formatOf(name) !== undefined) await source.ints.read(name, 0, shape[0] ?? 0);
    }
  } finally {
    await source.close();
  }
}

export const MODEL_TARGETS: readonly FuzzTarget[] = [
  {
    name: "onnx-graph",
    file: "model.onnx",
    whole: GRAPH,
    damaged: mutated(GRAPH),
    intact: { "model.onnx.data": GRAPH_DATA, "genai_config.json": GENAI_CONFIG, "../outside": GRAPH_DATA },
    read: readGraph,
  },
  {
    name: "onnx-genai-config",
    file: "genai_config.json",
    whole: GENAI_CONFIG,
    // The cast: what JSON.parse gives is JSON.
    damaged: hostileJson(JSON.parse(new TextDecoder().decode(GENAI_CONFIG)) as Json),
    intact: { "model.onnx": GRAPH, "model.onnx.data": GRAPH_DATA, "../outside.onnx": GRAPH },
    read: readGraph,
  },
  {
    name: "embedding-config",
    file: "config.json",
    whole: new TextEncoder().encode(JSON.stringify(BERT)),
    damaged: hostileJson(BERT),
    read: async (folder) => {
      if ((await readEmbeddingFiles(folder)) === undefined) throw modelError("It is no model for embeddings.");
    },
  },
  {
    name: "integer-weights-header",
    file: "model.safetensors",
    whole: PACKED_FILE,
    damaged: hostileJson(PACKED.header).map(packedFile),
    read: readIntegers,
  },
  {
    name: "integer-weights-bytes",
    file: "model.safetensors",
    whole: PACKED_FILE,
    damaged: mutated(PACKED_FILE),
    read: readIntegers,
  },
];

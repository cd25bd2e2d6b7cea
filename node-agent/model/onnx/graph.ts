import { basename } from "node:path";
import { PbfReader } from "pbf";
import { modelError } from "../model-error.ts";
import { readSkeleton } from "./skeleton.ts";

/** Names of TensorProto.DataType, by number. */
const ELEMENT_TYPES = [
  "undefined",
  "float32",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "string",
  "bool",
  "float16",
  "float64",
  "uint32",
  "uint64",
  "complex64",
  "complex128",
  "bfloat16",
  "float8e4m3fn",
  "float8e4m3fnuz",
  "float8e5m2",
  "float8e5m2fnuz",
  "uint4",
  "int4",
  "float4e2m1",
] as const;
export type OnnxElementType = (typeof ELEMENT_TYPES)[number];

/** An input or an output of a graph. `dims` are numbers, names of what is known at run time only, or undefined. */
export interface OnnxPort {
  name: string;
  /** "undefined" for what is no tensor. */
  type: OnnxElementType;
  dims: readonly (number | string | undefined)[];
}

/** A tensor that a file holds. */
export interface OnnxTensor {
  name: string;
  type: OnnxElementType;
  dims: readonly number[];
  /** Entries of its external data, as they are written; undefined if its elements are in the model's file. */
  external: ReadonlyMap<string, string> | undefined;
}

export interface OnnxGraphNode {
  op: string;
  /** Empty for ai.onnx. */
  domain: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Its attributes that are integers. */
  integers: ReadonlyMap<string, number>;
}

/** What an ONNX file says of its model, but for the elements of its tensors. */
export interface OnnxGraph {
  inputs: OnnxPort[];
  outputs: OnnxPort[];
  /** Of the main graph, in order. */
  nodes: OnnxGraphNode[];
  /** Weights of the main graph. */
  initializers: OnnxTensor[];
  /** Tensors anywhere in the model whose elements are in another file. */
  external: OnnxTensor[];
}

/** Reads inputs, outputs, nodes and the list of weights of an ONNX file somebody else made. Throws `model_load_failed`. */
export async function readOnnxGraph(path: string): Promise<OnnxGraph> {
  const bytes = await readSkeleton(path);
  let graph: OnnxGraph;
  try {
    graph = parseOnnxModel(bytes);
  } catch (error) {
    throw modelError(`${basename(path)} cannot be read: it is not an ONNX model.`, error);
  }
  if (graph.nodes.length === 0 || graph.outputs.length === 0) {
    throw modelError(`${basename(path)} cannot be read: it holds no graph. Download it again.`);
  }
  const inside = new Set(graph.initializers.map(({ name }) => name));
  // Old exporters list weights among the inputs.
  return { ...graph, inputs: graph.inputs.filter(({ name }) => !inside.has(name)) };
}

function parseOnnxModel(bytes: Uint8Array): OnnxGraph {
  const found: OnnxGraph = { inputs: [], outputs: [], nodes: [], initializers: [], external: [] };
  read(bytes, {
    7: (reader) => parseGraph(reader.readBytes(), found, found.external),
    25: (reader) => read(reader.readBytes(), { 7: (inner) => parseNode(inner.readBytes(), found.external) }),
  });
  return found;
}

function parseGraph(bytes: Uint8Array, into: Omit<OnnxGraph, "external">, external: OnnxTensor[]): void {
  read(bytes, {
    1: (reader) => into.nodes.push(parseNode(reader.readBytes(), external)),
    5: (reader) => into.initializers.push(parseTensor(reader.readBytes(), external)),
    11: (reader) => into.inputs.push(parsePort(reader.readBytes())),
    12: (reader) => into.outputs.push(parsePort(reader.readBytes())),
    15: (reader) => parseSparse(reader.readBytes(), external),
  });
}

function parseNode(bytes: Uint8Array, external: OnnxTensor[]): OnnxGraphNode {
  const [inputs, outputs]: [string[], string[]] = [[], []];
  const integers = new Map<string, number>();
  let [op, domain] = ["", ""];
  read(bytes, {
    1: (reader) => inputs.push(reader.readString()),
    2: (reader) => outputs.push(reader.readString()),
    4: (reader) => (op = reader.readString()),
    5: (reader) => parseAttribute(reader.readBytes(), integers, external),
    7: (reader) => (domain = reader.readString()),
  });
  return { op, domain: domain === "ai.onnx" ? "" : domain, inputs, outputs, integers };
}

function parseAttribute(bytes: Uint8Array, integers: Map<string, number>, external: OnnxTensor[]): void {
  let name = "";
  let integer: number | undefined;
  const subgraph = (reader: PbfReader) =>
    parseGraph(reader.readBytes(), { inputs: [], outputs: [], nodes: [], initializers: [] }, external);
  const tensor = (reader: PbfReader) => parseTensor(reader.readBytes(), external);
  const sparse = (reader: PbfReader) => parseSparse(reader.readBytes(), external);
  read(bytes, {
    1: (reader) => (name = reader.readString()),
    3: (reader) => (integer = reader.readVarint(true)),
    5: tensor,
    6: subgraph,
    10: tensor,
    11: subgraph,
    22: sparse,
    23: sparse,
  });
  if (integer !== undefined) integers.set(name, integer);
}

function parseSparse(bytes: Uint8Array, external: OnnxTensor[]): void {
  const tensor = (reader: PbfReader) => parseTensor(reader.readBytes(), external);
  read(bytes, { 1: tensor, 2: tensor });
}

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

function parseTensor(bytes: Uint8Array, external: OnnxTensor[]): OnnxTensor {
  const dims: number[] = [];
  const entries = new Map<string, string>();
  let [name, type, location] = ["", 0, 0];
  read(bytes, {
    1: (reader) => reader.readPackedVarint(dims, true),
    2: (reader) => (type = reader.readVarint()),
    8: (reader) => (name = reader.readString()),
    13: (reader) => {
      const [key, value] = readEntry(reader.readBytes());
      entries.set(key, value);
    },
    14: (reader) => (location = reader.readVarint()),
  });
  const tensor: OnnxTensor = {
    name,
    type: ELEMENT_TYPES[type] ?? "undefined",
    dims,
    external: location === EXTERNAL || entries.size > 0 ? entries : undefined,
  };
  if (tensor.external !== undefined) external.push(tensor);
  return tensor;
}

function readEntry(bytes: Uint8Array): [string, string] {
  let [key, value] = ["", ""];
  read(bytes, { 1: (reader) => (key = reader.readString()), 2: (reader) => (value = reader.readString()) });
  return [key, value];
}

function parsePort(bytes: Uint8Array): OnnxPort {
  const port: { name: string; type: OnnxElementType; dims: OnnxPort["dims"] } = {
    name: "",
    type: "undefined",
    dims: [],
  };
  read(bytes, {
    1: (reader) => (port.name = reader.readString()),
    2: (reader) =>
      read(reader.readBytes(), {
        1: (type) =>
          read(type.readBytes(), {
            1: (element) => (port.type = ELEMENT_TYPES[element.readVarint()] ?? "undefined"),
            2: (shape) => (port.dims = parseShape(shape.readBytes())),
          }),
      }),
  });
  return port;
}

function parseShape(bytes: Uint8Array): OnnxPort["dims"] {
  const dims: (number | string | undefined)[] = [];
  read(bytes, {
    1: (reader) => {
      let dim: number | string | undefined;
      read(reader.readBytes(), {
        1: (value) => (dim = value.readVarint(true)),
        2: (value) => (dim = value.readString()),
      });
      dims.push(dim);
    },
  });
  return dims;
}

/** Calls the function of each field that a message has; other fields are passed over. */
function read(bytes: Uint8Array, fields: Readonly<Record<number, (reader: PbfReader) => unknown>>): void {
  new PbfReader(bytes).readFields((tag, _, reader) => fields[tag]?.(reader), undefined);
}

import { PbfWriter } from "pbf";

/** TensorProto.DataType of onnx.proto, for the types our graphs use. */
export const ELEMENT_TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** An attribute: a number is an integer unless it is marked as a float, since ONNX does not convert between the two. */
export type Attribute = number | string | { float: number };

export interface OnnxNode {
  name: string;
  op: string;
  /** Empty for ai.onnx. */
  domain: string;
  /** An empty name is an absent optional input or output. */
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, Attribute>>;
}

/** Where an initializer's bytes are: in the model itself, or in a file beside it. */
export type InitializerData =
  | { kind: "inline"; bytes: Uint8Array }
  | { kind: "external"; file: string; offset: number; length: number };

export interface OnnxInitializer {
  name: string;
  type: ElementType;
  dims: readonly number[];
  data: InitializerData;
}

/** A graph input or output: a tensor (a string is a symbolic dimension), or a sequence of float32 tensors. */
export type OnnxValue =
  | { name: string; type: ElementType; dims: readonly (number | string)[] }
  | { name: string; type: "sequence" };

export interface OnnxModel {
  nodes: readonly OnnxNode[];
  initializers: readonly OnnxInitializer[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  opsets: readonly { domain: string; version: number }[];
}

const IR_VERSION = 10;
/** AttributeProto.AttributeType. */
const ATTRIBUTE = { float: 1, int: 2, string: 3 } as const;
/** TensorProto.DataLocation. */
const LOCATION_EXTERNAL = 1;

/**
 * Serialises a model as an ONNX ModelProto. Field numbers are those of onnx.proto (onnx/onnx, IR version 10).
 * External data is only named here: the file must lie beside the model when a session is made.
 */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, IR_VERSION);
  pbf.writeStringField(2, "porchlight");
  pbf.writeMessage(7, writeGraph, model);
  for (const opset of model.opsets) pbf.writeMessage(8, writeOpset, opset);
  return pbf.finish();
}

/** The GraphProto of a model by itself, without a name: to be put before another's fields. */
export function encodeOnnxGraph(graph: Omit<OnnxModel, "opsets">): Uint8Array {
  const pbf = new PbfWriter();
  writeFields(graph, pbf);
  return pbf.finish();
}

function writeOpset(opset: { domain: string; version: number }, pbf: PbfWriter): void {
  pbf.writeStringField(1, opset.domain);
  pbf.writeVarintField(2, opset.version);
}

function writeGraph(model: OnnxModel, pbf: PbfWriter): void {
  pbf.writeStringField(2, "decoder");
  writeFields(model, pbf);
}

function writeFields(model: Omit<OnnxModel, "opsets">, pbf: PbfWriter): void {
  for (const node of model.nodes) pbf.writeMessage(1, writeNode, node);
  for (const initializer of model.initializers) pbf.writeMessage(5, writeTensor, initializer);
  for (const input of model.inputs) pbf.writeMessage(11, writeValueInfo, input);
  for (const output of model.outputs) pbf.writeMessage(12, writeValueInfo, output);
}

function writeNode(node: OnnxNode, pbf: PbfWriter): void {
  for (const input of node.inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, node.name);
  pbf.writeStringField(4, node.op);
  for (const attribute of Object.entries(node.attributes)) pbf.writeMessage(5, writeAttribute, attribute);
  pbf.writeStringField(7, node.domain);
}

function writeAttribute([name, value]: [string, Attribute], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof value === "number") {
    pbf.writeVarintField(3, value);
    pbf.writeVarintField(20, ATTRIBUTE.int);
  } else if (typeof value === "string") {
    pbf.writeStringField(4, value);
    pbf.writeVarintField(20, ATTRIBUTE.string);
  } else {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, ATTRIBUTE.float);
  }
}

function writeTensor(tensor: OnnxInitializer, pbf: PbfWriter): void {
  for (const dim of tensor.dims) pbf.writeVarintField(1, dim);
  pbf.writeVarintField(2, ELEMENT_TYPES[tensor.type]);
  pbf.writeStringField(8, tensor.name);
  if (tensor.data.kind === "inline") {
    pbf.writeBytesField(9, tensor.data.bytes);
    return;
  }
  const { file, offset, length } = tensor.data;
  const entries = { location: file, offset: String(offset), length: String(length) };
  for (const entry of Object.entries(entries)) pbf.writeMessage(13, writeStringEntry, entry);
  pbf.writeVarintField(14, LOCATION_EXTERNAL);
}

function writeStringEntry([key, value]: [string, string], pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}

function writeValueInfo(value: OnnxValue, pbf: PbfWriter): void {
  pbf.writeStringField(1, value.name);
  pbf.writeMessage(2, writeType, value);
}

function writeType(value: OnnxValue, pbf: PbfWriter): void {
  if (value.type === "sequence") pbf.writeMessage(4, writeSequenceType, null);
  else pbf.writeMessage(1, writeTensorType, value);
}

function writeSequenceType(_: null, pbf: PbfWriter): void {
  pbf.writeMessage(1, writeType, { name: "", type: "float32", dims: [] });
}

function writeTensorType(value: Exclude<OnnxValue, { type: "sequence" }>, pbf: PbfWriter): void {
  pbf.writeVarintField(1, ELEMENT_TYPES[value.type]);
  pbf.writeMessage(2, writeShape, value.dims);
}

function writeShape(dims: readonly (number | string)[], pbf: PbfWriter): void {
  for (const dim of dims) pbf.writeMessage(1, writeDimension, dim);
}

function writeDimension(dim: number | string, pbf: PbfWriter): void {
  if (typeof dim === "number") pbf.writeVarintField(1, dim);
  else pbf.writeStringField(2, dim);
}

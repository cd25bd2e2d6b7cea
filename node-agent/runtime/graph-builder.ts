import type { Attribute, ElementType, InitializerData, OnnxInitializer, OnnxNode, OnnxValue } from "./onnx-proto.ts";
import { encodeOnnxModel } from "./onnx-proto.ts";

/** Operators of ONNX Runtime's own domain, as against those of the ONNX standard. */
export const CONTRIB = "com.microsoft";

/** An output that is no tensor: see `withoutResult`. */
export const NO_RESULT = "no_result";

const OPSETS = [
  { domain: "", version: 21 },
  { domain: CONTRIB, version: 1 },
];

/** The name of a value in the graph: an input, an initializer or a node's output. */
export type Value = string;

export interface NodeOptions {
  domain?: string;
  attributes?: Record<string, Attribute>;
  /** Names of the outputs; by default there is one, named after the node. An empty name is an output nobody wants. */
  outputs?: readonly Value[];
}

/** Collects nodes, initializers and the graph's ends, and writes them as ONNX bytes. Node names are the caller's and unique. */
export class GraphBuilder {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxInitializer>();
  readonly #inputs: OnnxValue[] = [];
  readonly #outputs: OnnxValue[] = [];

  input(name: string, type: ElementType, dims: readonly (number | string)[]): Value {
    this.#inputs.push({ name, type, dims });
    return name;
  }

  output(name: Value, type: ElementType, dims: readonly (number | string)[]): void {
    this.#outputs.push({ name, type, dims });
  }

  /**
   * Adds an output that makes a run return nothing, so that `openSession` can leave the results in the buffers they were written
   * to. It comes before all others.
   */
  withoutResult(): void {
    this.node(NO_RESULT, "SequenceEmpty", []);
    this.#outputs.unshift({ name: NO_RESULT, type: "sequence" });
  }

  initializer(name: string, type: ElementType, dims: readonly number[], data: InitializerData): Value {
    if (this.#initializers.has(name)) throw new Error(`The graph has two initializers named ${name}.`);
    this.#initializers.set(name, { name, type, dims, data });
    return name;
  }

  /** An int64 vector that is part of the graph itself, such as a shape. */
  shape(name: string, dims: readonly number[]): Value {
    if (this.#initializers.has(name)) return name;
    const bytes = new Uint8Array(BigInt64Array.from(dims, BigInt).buffer);
    return this.initializer(name, "int64", [dims.length], { kind: "inline", bytes });
  }

  /** A float32 number that is part of the graph itself. */
  scalar(name: string, value: number): Value {
    if (this.#initializers.has(name)) return name;
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    return this.initializer(name, "float32", [], { kind: "inline", bytes });
  }

  /** Adds a node and returns its first output. */
  node(name: string, op: string, inputs: readonly Value[], options: NodeOptions = {}): Value {
    const outputs = options.outputs ?? [name];
    this.#nodes.push({ name, op, domain: options.domain ?? "", inputs, outputs, attributes: options.attributes ?? {} });
    return outputs[0] ?? name;
  }

  /** The model as ModelProto bytes, nodes in the order they were added (which must be topological). */
  encode(): Uint8Array {
    return encodeOnnxModel({
      nodes: this.#nodes,
      initializers: [...this.#initializers.values()],
      inputs: this.#inputs,
      outputs: this.#outputs,
      opsets: OPSETS,
    });
  }
}

import { basename } from "node:path";
import { modelError } from "../model-error.ts";
import { attentionKind, type AttentionKind } from "./attention-kind.ts";
import { layerName, type OnnxFiles } from "./files.ts";
import type { OnnxGraph, OnnxPort } from "./graph.ts";

/** How a decoder's graph wants its inputs and gives its outputs. */
export interface DecoderSignature {
  layers: number;
  kvHeads: number;
  headDim: number;
  vocabSize: number;
  /** Element type of keys and values. */
  cacheType: FloatType;
  logitsType: FloatType;
  tokensType: IntegerType;
  /** Undefined where the graph has no such input. */
  maskType: IntegerType | undefined;
  positionsType: IntegerType | undefined;
  /** Whether the graph can be told how many of the last positions to give logits for, as `num_logits_to_keep`. */
  keepsLogits: boolean;
  attention: AttentionKind;
  /** Positions that the graph's rotary tables reach; undefined if it has none that say. */
  tablePositions: number | undefined;
}

type FloatType = "float32" | "float16";
type IntegerType = "int32" | "int64";

/** Input of newer exports: how many of the last positions get logits. */
export const LOGITS_TO_KEEP = "num_logits_to_keep";

/**
 * Finds out how a graph is to be run, and that it is a decoder's at all. Throws `model_load_failed` which names what is not supported.
 */
export function readSignature(graph: OnnxGraph, files: OnnxFiles): DecoderSignature {
  const file = basename(files.graphPath);
  const inputs = new Map(graph.inputs.map((port) => [port.name, port]));
  const outputs = new Map(graph.outputs.map((port) => [port.name, port]));
  const take = (ports: Map<string, OnnxPort>, name: string): OnnxPort | undefined => {
    const port = ports.get(name);
    ports.delete(name);
    return port;
  };
  const need = (ports: Map<string, OnnxPort>, name: string, what: string): OnnxPort => {
    const port = take(ports, name);
    if (port === undefined)
      throw modelError(`${file}: its graph has no ${what} named ${name}. Is it a decoder with a cache?`);
    return port;
  };
  const { names } = files;
  const tokens = need(inputs, names.tokens, "input");
  const mask = take(inputs, names.mask);
  const positions = take(inputs, names.positions);
  const keeps = take(inputs, LOGITS_TO_KEEP);
  const logits = need(outputs, names.logits, "output");
  const caches: OnnxPort[] = [];
  let layers = 0;
  while (layers === 0 || inputs.has(layerName(names.pastKey, layers))) {
    caches.push(need(inputs, layerName(names.pastKey, layers), "input"));
    caches.push(need(inputs, layerName(names.pastValue, layers), "input"));
    caches.push(need(outputs, layerName(names.presentKey, layers), "output"));
    caches.push(need(outputs, layerName(names.presentValue, layers), "output"));
    layers++;
  }
  refuseOthers(file, inputs, outputs);
  const attention = attentionKind(graph, names, layers);
  return {
    layers,
    ...cacheShape(file, caches),
    vocabSize: vocabularyOf(file, logits, files.vocabSize),
    logitsType: floatType(file, logits),
    tokensType: integerType(file, tokens),
    maskType: mask && integerType(file, mask),
    positionsType: positions && integerType(file, positions),
    keepsLogits: keeps !== undefined,
    attention: mask === undefined ? "copied" : attention,
    tablePositions: tablePositions(graph),
  };
}

function refuseOthers(
  file: string,
  inputs: ReadonlyMap<string, OnnxPort>,
  outputs: ReadonlyMap<string, OnnxPort>,
): void {
  const [input] = inputs.keys();
  if (input !== undefined)
    throw modelError(`${file}: its graph wants the input ${input.slice(0, 200)}, which is not supported.`);
  // What else a graph gives is left alone, but for a cache that would have to go back into it.
  const [state] = [...outputs.keys()].filter((name) => name.startsWith("present"));
  if (state !== undefined)
    throw modelError(`${file}: its graph keeps a state ${state.slice(0, 200)}, which is not supported.`);
}

/** Every cache is [batch, heads, positions, head size], of the same size. */
function cacheShape(file: string, caches: readonly OnnxPort[]) {
  const [first] = caches;
  const [, kvHeads, , headDim] = first?.dims ?? [];
  if (first === undefined || !isSize(kvHeads) || !isSize(headDim)) {
    throw modelError(
      `${file}: its graph does not say the size of ${first?.name.slice(0, 200)} ([batch, heads, positions, head size]).`,
    );
  }
  const cacheType = floatType(file, first);
  for (const { name, type, dims } of caches) {
    const [, heads, , size] = dims;
    // Outputs need not say their size.
    const fits = dims.length === 4 && (!isSize(heads) || heads === kvHeads) && (!isSize(size) || size === headDim);
    if (type !== cacheType || !fits) {
      throw modelError(
        `${file}: ${name.slice(0, 200)} is ${type} [${dims.join(", ")}], unlike ${first.name.slice(0, 200)}.`,
      );
    }
  }
  return { kvHeads, headDim, cacheType };
}

const isSize = (dim: number | string | undefined): dim is number => typeof dim === "number" && dim > 0 && dim <= 65_536;

function vocabularyOf(file: string, logits: OnnxPort, configured: number): number {
  const [, , vocabulary] = logits.dims;
  if (logits.dims.length !== 3 && logits.dims.length !== 0) {
    throw modelError(`${file}: its logits have ${logits.dims.length} axes, not [batch, positions, vocabulary].`);
  }
  // The graph's vocabulary may be padded beyond the configured one.
  return typeof vocabulary === "number" && vocabulary > 0 ? vocabulary : configured;
}

function floatType(file: string, { name, type }: OnnxPort): FloatType {
  if (type === "float32" || type === "float16") return type;
  throw modelError(
    `${file}: ${name.slice(0, 200)} is ${type}, which is not supported on this machine. Take a file with float32 or float16, such as model_q4.onnx.`,
  );
}

function integerType(file: string, { name, type }: OnnxPort): IntegerType {
  if (type === "int32" || type === "int64") return type;
  throw modelError(`${file}: ${name.slice(0, 200)} is ${type}, not integers.`);
}

/** The rows of the shortest rotary table that attention reads. */
function tablePositions({ nodes, initializers }: OnnxGraph): number | undefined {
  const shapes = new Map(initializers.map(({ name, dims }) => [name, dims]));
  const cosines = nodes
    .filter(({ op }) => op === "GroupQueryAttention")
    .map(({ inputs }) => shapes.get(inputs[7] ?? "")?.[0]);
  const rows = cosines.filter((row) => row !== undefined);
  return rows.length === 0 ? undefined : Math.min(...rows);
}

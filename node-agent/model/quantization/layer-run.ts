import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GraphBuilder } from "../../runtime/graph-builder.ts";
import { openSession, type SessionOptions, Tensor, type Tensors } from "../../runtime/session.ts";
import { fitFirstStage, type ModelConfig } from "../config.ts";
import { GRAPH_VALUES as NAMES } from "../graph-values.ts";
import type { LinearProduct, Part, Precision, Weights } from "../linear.ts";
import type { TensorSource } from "../tensor-source.ts";
import { addLayer, addRopeCaches } from "../transformer.ts";
import { WeightFile } from "../weight-file.ts";

/** A value that matrices of a layer are multiplied with. */
export interface LayerInput {
  columns: number;
  parts: Part[];
}

/** One layer of a model by itself. The one who opened it disposes of it. */
export interface LayerRun extends AsyncDisposable {
  /** The inputs of its products, if they were asked for. */
  inputs: readonly LayerInput[];
  /**
   * Runs the layer over a text's states [length, hidden] and returns those after it. Xᵀ X of each of `inputs`, over all positions, is
   * added to `grams` ([columns, columns] each).
   */
  run(states: Float32Array, grams?: readonly Float32Array[]): Promise<Float32Array>;
}

export interface LayerOptions {
  config: ModelConfig;
  layer: number;
  source: TensorSource;
  precision: Precision;
  /** Whether Xᵀ X is computed. */
  withInputs: boolean;
  /** An empty folder for the graph and its weights. */
  folder: string;
  session: SessionOptions;
}

const STATES = "states_in";
const NEXT = "states_out";
const gramIn = (i: number) => `gram_in.${i}`;
const gramOut = (i: number) => `gram_out.${i}`;

/** Builds a layer's graph and opens it. */
export async function openLayer(options: LayerOptions): Promise<LayerRun> {
  const { layer, source, precision, withInputs, folder } = options;
  const config = fitFirstStage(options.config);
  const graph = new GraphBuilder();
  graph.withoutResult();
  const products: LinearProduct[] = [];
  const file = await WeightFile.create(join(folder, "layer.weights"));
  try {
    const onLinear = (product: LinearProduct) => void products.push(product);
    const weights: Weights = { graph, source, file, onConverted: () => undefined, onLinear };
    const states = graph.input(STATES, "float32", [1, "length", config.hiddenSize]);
    const shared = {
      lastPositions: graph.input(NAMES.lastPositions, "int32", [1]),
      totalLength: graph.input(NAMES.totalLength, "int32", [1]),
      tableRows: undefined,
      ropes: await addRopeCaches(config, weights),
    };
    const precisions = { linear: precision, output: precision, embedding: precision };
    const before = { delta: undefined, residual: states };
    const { delta, residual } = await addLayer(config, weights, precisions, shared, layer, before, undefined);
    graph.node(NEXT, "Add", delta === undefined ? [residual, residual] : [delta, residual]);
    graph.output(NEXT, "float32", [1, "length", config.hiddenSize]);
  } finally {
    await file.close();
  }
  const inputs = withInputs ? addGrams(graph, products) : [];
  const path = join(folder, "layer.onnx");
  await writeFile(path, graph.encode());
  const session = await openSession(path, options.session);
  return {
    inputs,
    run: async (states, grams = []) => {
      const feeds = layerFeeds(config, layer, states);
      const next = new Float32Array(states.length);
      const length = states.length / config.hiddenSize;
      const fetches: Tensors = {
        [NEXT]: new Tensor("float32", next, [1, length, config.hiddenSize]),
        [NAMES.presentKey(layer)]: feeds[NAMES.pastKey(layer)] as Tensor, // just made
        [NAMES.presentValue(layer)]: feeds[NAMES.pastValue(layer)] as Tensor, // just made
      };
      for (const [i, { columns }] of inputs.entries()) {
        const gram = new Tensor("float32", grams[i] ?? new Float32Array(columns * columns), [columns, columns]);
        feeds[gramIn(i)] = fetches[gramOut(i)] = gram;
      }
      await session.run(feeds, fetches);
      return next;
    },
    [Symbol.asyncDispose]: () => session.dispose(),
  };
}

/** Xᵀ X of each different input, added to what is given. */
function addGrams(graph: GraphBuilder, products: readonly LinearProduct[]): LayerInput[] {
  const inputs = new Map<string, LayerInput>();
  for (const { input, columns, parts } of products) {
    const known = inputs.get(input);
    if (known !== undefined) {
      known.parts.push(...parts);
      continue;
    }
    const i = inputs.size;
    inputs.set(input, { columns, parts: [...parts] });
    const flat = graph.node(`gram.${i}.rows`, "Reshape", [input, graph.shape(`gram.${i}.shape`, [-1, columns])]);
    const sum = graph.input(gramIn(i), "float32", [columns, columns]);
    graph.node(gramOut(i), "Gemm", [flat, flat, sum], { attributes: { transA: 1 } });
    graph.output(gramOut(i), "float32", [columns, columns]);
  }
  return [...inputs.values()];
}

function layerFeeds(config: ModelConfig, layer: number, states: Float32Array): Tensors {
  const { hiddenSize, kvHeads, headDim } = config;
  const length = states.length / hiddenSize;
  const cache = () =>
    new Tensor("float32", new Float32Array(kvHeads * length * headDim), [1, kvHeads, length, headDim]);
  return {
    [STATES]: new Tensor("float32", states, [1, length, hiddenSize]),
    [NAMES.lastPositions]: new Tensor("int32", Int32Array.of(length - 1), [1]),
    [NAMES.totalLength]: new Tensor("int32", Int32Array.of(length), [1]),
    [NAMES.pastKey(layer)]: cache(),
    [NAMES.pastValue(layer)]: cache(),
  };
}

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { mixedSignsAreExact, probeHardware } from "../../hardware/probe.ts";
import { type Multiply, openMatrixProduct } from "../../runtime/matrix-product.ts";
import type { SessionOptions } from "../../runtime/session.ts";
import { fitContext, type ModelConfig } from "../config.ts";
import { dequantize } from "../quantize.ts";
import { round, weightOf } from "../rows.ts";
import type { IntFormat, IntRows, TensorSource } from "../tensor-source.ts";
import { factorInputs, gptq, type InputFactor, outputSquares } from "./gptq.ts";
import { openLayer } from "./layer-run.ts";
import { addError, type TensorPlan } from "./model-writer.ts";
import type { ErrorSums } from "./weight-error.ts";

type IntPlan = TensorPlan & { format: IntFormat };

export interface CalibratedMatrix {
  plan: IntPlan;
  rows: IntRows;
  sums: ErrorSums;
}

export interface CalibrateOptions {
  source: TensorSource;
  config: ModelConfig;
  /** Matrices of layers, in 4 bits. */
  matrices: readonly IntPlan[];
  /** Token ids; each text is seen by itself. */
  texts: readonly (readonly number[])[];
  threads: number;
  /** A folder that takes a layer's weights for as long as they are needed. */
  folder: string;
}

/**
 * Fits matrices to the inputs that a text gives them, layer by layer: the inputs of a layer are those that the quantised layers before
 * it produce, so that later layers make up for earlier ones. One layer's weights are in memory at a time, with the states of all
 * texts between two layers and Xᵀ X of each product. Matrices that no product of a layer uses are rounded to nearest.
 */
export async function* calibrate(options: CalibrateOptions): AsyncGenerator<CalibratedMatrix> {
  const { source, matrices, texts, threads } = options;
  const longest = Math.max(1, ...texts.map((text) => text.length));
  const config = fitContext(options.config, longest);
  const hardware = probeHardware();
  const session: SessionOptions = { provider: "cpu", threads, exactMixedSigns: mixedSignsAreExact(hardware) };
  const folder = await mkdtemp(join(options.folder, ".calibration-"));
  try {
    await using products = await openMatrixProduct(folder, session);
    const { multiply } = products;
    let states = await embed(source, config, texts);
    for (let layer = 0; layer < config.layers; layer++) {
      const own = matrices.filter(({ name }) => name.startsWith(`${config.tensorPrefix}model.layers.${layer}.`));
      const fitted = new Map<string, { format: IntFormat; rows: IntRows }>();
      for await (const matrix of fitLayer({ source, config, layer, folder, session }, own, states, multiply)) {
        fitted.set(matrix.plan.name, { format: matrix.plan.format, rows: matrix.rows });
        yield matrix;
      }
      if (layer < config.layers - 1) {
        const quantized = withInts(source, fitted);
        states = await runLayer({ source: quantized, config, layer, folder, session }, states);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface LayerFiles {
  source: TensorSource;
  config: ModelConfig;
  layer: number;
  folder: string;
  session: SessionOptions;
}

async function* fitLayer(
  files: LayerFiles,
  plans: readonly IntPlan[],
  states: readonly Float32Array[],
  multiply: Multiply,
): AsyncGenerator<CalibratedMatrix> {
  const left = new Map(plans.map((plan) => [plan.name, plan]));
  const inputs = await measureInputs(files, states);
  for (const { columns, tensors, gram } of inputs) {
    const found = tensors.map((tensor) => left.get(tensor)).filter((plan) => plan !== undefined);
    if (found.length === 0) continue;
    const factor = await factorInputs(gram, columns, multiply);
    for (const plan of found) {
      left.delete(plan.name);
      yield await fitMatrix(files.source, plan, factor, multiply);
    }
  }
  for (const plan of left.values()) {
    const values = await readMatrix(files.source, plan);
    const rows = round(values, plan.shape[1] ?? 0, plan.format);
    const sums: ErrorSums = { weights: values.length, error: 0, size: 0 };
    addError(sums, values, dequantize(rows, plan.format));
    yield { plan, rows, sums };
  }
}

/** Xᵀ X of every different input of a layer's products. */
async function measureInputs(files: LayerFiles, states: readonly Float32Array[]) {
  const folder = await mkdtemp(join(files.folder, "layer-"));
  try {
    await using run = await openLayer({ ...files, folder, precision: "fp32", withInputs: true });
    const grams = run.inputs.map(({ columns }) => new Float32Array(columns * columns));
    for (const text of states) await run.run(text, grams);
    return run.inputs.map(({ columns, parts }, i) => ({
      columns,
      tensors: [...new Set(parts.map(weightOf))],
      gram: grams[i] ?? new Float32Array(columns * columns),
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The states after a layer of each text. */
async function runLayer(files: LayerFiles, states: readonly Float32Array[]): Promise<Float32Array[]> {
  const folder = await mkdtemp(join(files.folder, "layer-"));
  try {
    await using run = await openLayer({ ...files, folder, precision: "stored", withInputs: false });
    const next: Float32Array[] = [];
    for (const text of states) next.push(await run.run(text));
    return next;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Rows whose products are compared; more say the same. */
const COMPARED_ROWS = 256;

async function fitMatrix(source: TensorSource, plan: IntPlan, factor: InputFactor, multiply: Multiply) {
  const [rows = 0, columns = 0] = plan.shape;
  const { format } = plan;
  const values = await readMatrix(source, plan);
  const fitted = await gptq(values, rows, factor, format, multiply);
  const held = dequantize(fitted, format);
  const sums: ErrorSums = { weights: values.length, error: 0, size: 0 };
  addError(sums, values, held);
  const count = Math.min(rows, COMPARED_ROWS);
  const some = values.subarray(0, count * columns);
  const nearest = dequantize(round(some, columns, format), format);
  const measure = (matrix: Float32Array) => outputSquares(matrix, count, factor, multiply);
  sums.output = {
    rounded: await measure(some.map((value, i) => value - (nearest[i] ?? 0))),
    calibrated: await measure(some.map((value, i) => value - (held[i] ?? 0))),
    size: await measure(some),
  };
  return { plan, rows: fitted, sums };
}

async function readMatrix(source: TensorSource, { from, shape }: TensorPlan): Promise<Float32Array> {
  const [rows = 0, columns = 0] = shape;
  return await source.read(from, 0, rows * columns);
}

/** The model's weights with some matrices in integers. */
function withInts(
  source: TensorSource,
  matrices: ReadonlyMap<string, { format: IntFormat; rows: IntRows }>,
): TensorSource {
  return {
    ...source,
    ints: {
      formatOf: (name) => matrices.get(name)?.format,
      read: async (name, row, rows) => {
        const matrix = matrices.get(name);
        if (matrix === undefined) throw new RangeError(`${name} is not held in integers.`);
        const [, columns = 0] = source.tensors.get(name)?.shape ?? [];
        const { bits, block } = matrix.format;
        const [levelBytes, groups] = [(columns * bits) / 8, columns / block];
        return {
          levels: matrix.rows.levels.subarray(row * levelBytes, (row + rows) * levelBytes),
          scales: matrix.rows.scales.subarray(row * groups, (row + rows) * groups),
        };
      },
    },
  };
}

/** The states that enter the first layer: [length, hidden] for each text. */
async function embed(
  source: TensorSource,
  config: ModelConfig,
  texts: CalibrateOptions["texts"],
): Promise<Float32Array[]> {
  const { hiddenSize, embeddingScale } = config;
  const states: Float32Array[] = [];
  for (const tokens of texts) {
    const text = new Float32Array(tokens.length * hiddenSize);
    for (const [i, token] of tokens.entries()) {
      const row = await source.read(`${config.tensorPrefix}model.embed_tokens.weight`, token * hiddenSize, hiddenSize);
      text.set(
        row.map((value) => value * embeddingScale),
        i * hiddenSize,
      );
    }
    states.push(text);
  }
  return states;
}

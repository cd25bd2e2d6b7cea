import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CONTRIB, GraphBuilder, type Value } from "../../node-agent/runtime/graph-builder.ts";
import { openSession, Tensor } from "../../node-agent/runtime/session.ts";
import { mixedSignsAreExact, probeHardware } from "../../node-agent/hardware/probe.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import type { Bench } from "./bench.ts";

/** The feed-forward matrices of the 1.1B shape: together more than any cache of a home machine holds. */
const [COLUMNS, ROWS, LAYERS] = [2048, 5632, 16];
const TOKENS = [1, 2, 3, 4, 8, 16, 64];
const KERNELS = [
  { label: "int4, blocks of 128 (ours)", bits: 4, block: 128 },
  { label: "int4, blocks of 32", bits: 4, block: 32 },
  { label: "int4, blocks of 64", bits: 4, block: 64 },
  { label: "int4, blocks of 256", bits: 4, block: 256 },
  { label: "int8, one scale a row (ours)", bits: 8, block: COLUMNS },
  { label: "int8, blocks of 128", bits: 8, block: 128 },
] as const;
type Kernel = (typeof KERNELS)[number];

/** What ONNX Runtime's quantised products cost for several tokens at once: the bound of batches, guesses and prompts. */
export const products: Bench = {
  name: "products",
  summary: "ONNX Runtime's quantised products alone: what each further token of a step costs",
  async run({ quick }) {
    const rows: string[][] = [];
    const figures: Record<string, number> = {};
    for (const kernel of quick ? KERNELS.slice(0, 1) : KERNELS) {
      await using folder = await temporaryFolder();
      const times = await measure(join(folder.path, "products.onnx"), kernel, quick ? 3 : 9);
      const one = times[0] ?? Number.NaN;
      rows.push([
        kernel.label,
        ...times.map((ms, i) => `${ms.toFixed(1)} (${(((TOKENS[i] ?? 0) * one) / ms).toFixed(1)}x)`),
      ]);
      for (const [i, ms] of times.entries())
        figures[`int${kernel.bits}_block${kernel.block}.tokens${TOKENS[i]}_cpu_ms`] = ms;
    }
    return {
      title: "products: quantised matrix products",
      columns: ["kernel", ...TOKENS.map((tokens) => `${tokens} tokens`)],
      rows,
      figures,
      notes: [
        `Milliseconds of CPU time on one thread (least of ${quick ? 3 : 9}) for ${LAYERS} matrices of ${ROWS} x ${COLUMNS}; in brackets, tokens a second over those of one token.`,
        "With more threads one token alone is bound by the memory, several by the arithmetic as here: what a batch gains is then less.",
      ],
    };
  },
};

async function measure(path: string, kernel: Kernel, repeats: number): Promise<number[]> {
  const graph = new GraphBuilder();
  graph.withoutResult();
  const input = graph.input("input", "float32", ["tokens", COLUMNS]);
  const sums = Array.from({ length: LAYERS }, (_, layer) => {
    const product = addProduct(graph, `product${layer}`, input, kernel, layer);
    return graph.node(`sum${layer}`, "ReduceMax", [product, graph.shape("last_axis", [-1])]);
  });
  const output = graph.node("output", "Concat", sums, { attributes: { axis: -1 } });
  graph.output(output, "float32", ["tokens", LAYERS]);
  await writeFile(path, graph.encode());
  const exactMixedSigns = mixedSignsAreExact(probeHardware());
  const session = await openSession(path, { provider: "cpu", threads: 1, exactMixedSigns });
  const times: number[] = [];
  for (const tokens of TOKENS) {
    const values = Float32Array.from({ length: tokens * COLUMNS }, (_, i) => Math.sin(i));
    const feeds = { input: new Tensor("float32", values, [tokens, COLUMNS]) };
    const fetches = { [output]: new Tensor("float32", new Float32Array(tokens * LAYERS), [tokens, LAYERS]) };
    const samples: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const before = process.cpuUsage();
      await session.run(feeds, fetches);
      samples.push(process.cpuUsage(before).user / 1000);
    }
    times.push(Math.min(...samples));
  }
  await session.dispose();
  return times;
}

function addProduct(graph: GraphBuilder, name: string, input: Value, { bits, block }: Kernel, layer: number): Value {
  const weights = randomBytes((ROWS * COLUMNS * bits) / 8, layer + 1);
  const blocks = COLUMNS / block;
  // Equal initializers are kept once: every layer's scale is another.
  const values = new Float32Array(ROWS * blocks).fill(0.01 + layer / 1000);
  const scales = new Uint8Array(values.buffer);
  if (block === COLUMNS) {
    const weight = graph.initializer(`${name}.w`, "int8", [COLUMNS, ROWS], { kind: "inline", bytes: weights });
    const scale = graph.initializer(`${name}.s`, "float32", [ROWS], { kind: "inline", bytes: scales });
    return graph.node(name, "DynamicQuantizeMatMul", [input, weight, scale], { domain: CONTRIB });
  }
  const dims = [ROWS, blocks, (block * bits) / 8];
  const weight = graph.initializer(`${name}.w`, "uint8", dims, { kind: "inline", bytes: weights });
  const scale = graph.initializer(`${name}.s`, "float32", [ROWS, blocks], { kind: "inline", bytes: scales });
  const attributes = { K: COLUMNS, N: ROWS, bits, block_size: block, accuracy_level: 4 };
  return graph.node(name, "MatMulNBits", [input, weight, scale], { domain: CONTRIB, attributes });
}

function randomBytes(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => random() * 256);
}

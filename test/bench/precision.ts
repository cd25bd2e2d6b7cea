import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { probeHardware } from "../../node-agent/hardware/probe.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { STARTER } from "../support/engine-starter.ts";
import { perplexity, readEvaluation } from "../support/model-starter.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import type { Bench } from "./bench.ts";
import { Engine } from "./engine-job.ts";
import { quantile } from "./statistics.ts";
import { SHAPES, writeSyntheticModel } from "./synthetic-model.ts";

const PRECISIONS = ["fp32", "int8", "int4"] as const;
const ROUNDS = { full: 5, quick: 2 };
const PROMPT_TOKENS = 32;
const ANSWER_TOKENS = 32;

interface Row {
  bytes: number;
  tokenMs: number;
  batch4: number;
  perplexity: number;
}

/** One model in float32, int8 and int4, in one run, the precisions measured in turn. */
export const precision: Bench = {
  name: "precision",
  summary: "one synthetic model in fp32, int8 and int4: memory, time per token, throughput; perplexity of the starter",
  async run({ quick }) {
    const name = quick ? "135M" : "1.1B";
    const rounds = quick ? ROUNDS.quick : ROUNDS.full;
    const threads = probeHardware().cpu.cores;
    await using temporary = await temporaryFolder();
    const folder = join(temporary.path, name);
    await writeSyntheticModel(folder, SHAPES[name]);
    const engines = new Map<Quantization, Engine>();
    for (const quantization of PRECISIONS) {
      const cacheDir = join(temporary.path, quantization);
      await mkdir(cacheDir);
      const load = { kind: "load", model: folder, quantization, cacheDir, threads } as const;
      // The first load converts and compiles, which leaves memory behind.
      const first = new Engine("own");
      await first.run(load);
      await first.close();
      const engine = new Engine("own");
      await engine.run(load);
      engines.set(quantization, engine);
    }
    const rows = await measure(engines, rounds, SHAPES[name].vocab_size);
    const [exact] = rows.values();
    if (exact === undefined) throw new Error("Nothing was measured.");
    const change = (value: number, from: number): string => `${((value / from - 1) * 100).toFixed(0)}%`;
    return {
      title: `precision: ${name} weights of one model`,
      columns: ["weights", "memory MB", "", "ms/token", "", "4 at once tok/s", "", "perplexity", ""],
      rows: [...rows].map(([quantization, row]) => [
        quantization,
        Math.round(row.bytes / 1e6),
        change(row.bytes, exact.bytes),
        row.tokenMs,
        change(row.tokenMs, exact.tokenMs),
        row.batch4,
        `${(row.batch4 / exact.batch4).toFixed(2)}x`,
        row.perplexity.toFixed(4),
        `${((row.perplexity / exact.perplexity - 1) * 100).toFixed(2)}%`,
      ]),
      figures: Object.fromEntries(
        [...rows].flatMap(([quantization, row]) => [
          [`${quantization}.bytes`, row.bytes],
          [`${quantization}.token_ms`, row.tokenMs],
          [`${quantization}.batch4_tokens_per_second`, row.batch4],
          [`${quantization}.starter_perplexity`, row.perplexity],
        ]),
      ),
      notes: [
        `${threads} threads; medians of ${rounds} rounds. Memory: all that is resident after the run, Node included.`,
        "Perplexity: of the starter on its held-out documents, since random weights have none. As loaded by default, rounded to nearest.",
      ],
    };
  },
};

async function measure(
  engines: ReadonlyMap<Quantization, Engine>,
  rounds: number,
  vocabSize: number,
): Promise<Map<Quantization, Row>> {
  const random = seededRandom(1);
  const samples = new Map([...engines.keys()].map((name) => [name, { single: [] as number[], four: [] as number[] }]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, engine] of engines) {
      const speed = async (batch: number): Promise<number> => {
        const prompt = () => Array.from({ length: PROMPT_TOKENS }, () => Math.floor(random() * vocabSize));
        const prompts = Array.from({ length: batch }, prompt);
        const { sharedTokens = 0, sharedMs = Number.NaN } = await engine.run({
          kind: "answer",
          prompts,
          tokens: ANSWER_TOKENS,
        });
        return (sharedTokens * 1000) / sharedMs;
      };
      samples.get(name)?.single.push(await speed(1));
      samples.get(name)?.four.push(await speed(4));
    }
  }
  const rows = new Map<Quantization, Row>();
  for (const [name, engine] of engines) {
    const { privateBytes = Number.NaN, fileBytes = Number.NaN } = await engine.run({ kind: "memory" });
    await engine.close();
    const { single = [], four = [] } = samples.get(name) ?? {};
    rows.set(name, {
      bytes: privateBytes + fileBytes,
      tokenMs: 1000 / quantile(single, 0.5),
      batch4: quantile(four, 0.5),
      perplexity: await starterPerplexity(name),
    });
  }
  return rows;
}

async function starterPerplexity(quantization: Quantization): Promise<number> {
  await using temporary = await temporaryFolder();
  const decoder = await loadDecoder({ folder: STARTER, quantization, cacheDir: temporary.path, slots: 1 });
  const { all } = await perplexity(decoder, (await readEvaluation()).documents);
  await decoder.dispose();
  return all;
}

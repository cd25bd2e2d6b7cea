import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { probeHardware } from "../../node-agent/hardware/probe.ts";
import { readConfig } from "../../node-agent/model/config.ts";
import { defaultQuantization } from "../../node-agent/model/default-quantization.ts";
import { int4Block } from "../../node-agent/model/int-formats.ts";
import type { Precision } from "../../node-agent/model/linear.ts";
import { precisionsOf } from "../../node-agent/model/transformer.ts";
import { readModel } from "../../node-agent/model/registry.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import { STARTER } from "../support/engine-starter.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { type Job, type Measured, measuredSchema, SLOTS } from "./decode-job.ts";
import { measureMemoryBandwidth } from "./memory-bandwidth.ts";
import { writeSyntheticModel } from "./synthetic-model.ts";

const MB = 1e6;
const COLUMNS = [
  "model",
  "load ms",
  "prefill tok/s",
  "batch 1 tok/s",
  "best",
  "batch 4 tok/s",
  "best",
  "MB/token",
  "of bandwidth",
  "private MB",
  "file MB",
];

/** Speed of the decoder alone: no scheduler, no sampling, no tunnel. */
export const decode: Bench = {
  name: "decode",
  summary: "tokens/s of the starter and of a synthetic 1.1B model, beside the machine's memory bandwidth",
  async run({ quick }) {
    const { cpu } = probeHardware();
    const bandwidth = await measureMemoryBandwidth(cpu.cores);
    const table = new Table(bandwidth);
    await using temporary = await temporaryFolder();
    await measureStarter(table, join(temporary.path, "compiled"));
    if (!quick) await measureSynthetic(table, temporary.path);
    return table.result([
      `${cpu.cores} threads; the context holds the prompt (starter 256 tokens, 1.1B 128) and the tokens decoded after it.`,
      `Memory read at best at ${(bandwidth / 1e9).toFixed(1)} GB/s: ${cpu.cores} threads, each searching 384 MiB for an absent byte (memchr), best of 5.`,
      "MB/token: weights and scales that a step reads (not the embedding table). Of bandwidth: that, times the best tokens/s at batch 1. The starter fits in a cache.",
      "Decoding: median and best of the steps; they are far apart on a machine that is busy with something else. Prefill: best of four. Load: from the compiled cache. Memory: smaps_rollup after the run, Node included; file-backed pages are shared and can be dropped.",
      ...table.notes,
    ]);
  },
};

async function measureStarter(table: Table, cacheDir: string): Promise<void> {
  const shape = { contextLength: 1024, promptTokens: 256, steps: 200 };
  for (const quantization of ["fp32", "int8", "int4"] as const) {
    const job = { folder: STARTER, cacheDir, quantization, ...shape };
    const converted = await runChild({ ...job, loadOnly: true });
    const measured = await runChild({ ...job, loadOnly: false });
    const bytes = await bytesPerToken(STARTER, quantization);
    const chosen = quantization === (await starterDefault()) ? " (default)" : "";
    table.add(`starter ${quantization}${chosen}`, `starter.${quantization}`, measured, converted, bytes);
  }
}

async function starterDefault(): Promise<Quantization | undefined> {
  const starter = await readModel(STARTER);
  return starter.usable ? defaultQuantization(starter.info) : undefined;
}

async function measureSynthetic(table: Table, parent: string): Promise<void> {
  const folder = join(parent, "synthetic");
  const parameters = await writeSyntheticModel(folder);
  const shape = { contextLength: 512, promptTokens: 128, steps: 40 };
  for (const quantization of ["int4", "int8"] as const) {
    const job = { folder, cacheDir: join(parent, `compiled-${quantization}`), quantization, ...shape };
    const converted = await runChild({ ...job, loadOnly: true });
    const measured = await runChild({ ...job, loadOnly: false });
    table.add(
      `1.1B ${quantization}`,
      `b1_1.${quantization}`,
      measured,
      converted,
      await bytesPerToken(folder, quantization),
    );
    table.note(
      `1.1B ${quantization}: ${(parameters / 1e9).toFixed(2)} billion weights converted and compiled in ${(converted.loadMs / 1000).toFixed(0)} s, at most ${(converted.peakBytes / MB).toFixed(0)} MB resident meanwhile.`,
    );
  }
}

/** Runs a job in a new process. */
async function runChild(job: Job): Promise<Measured> {
  const child = fork(fileURLToPath(new URL("./decode-child.ts", import.meta.url)));
  child.send(job);
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`The measuring process ended with exit code ${code} before it had a result.`);
  });
  const [message] = await Promise.race([once(child, "message"), failed]);
  await failed.catch(() => child.exitCode);
  return measuredSchema.parse(message);
}

/** Bytes of weights and scales that one step reads. */
async function bytesPerToken(folder: string, quantization: Quantization): Promise<number> {
  const config = await readConfig(folder);
  const precisions = precisionsOf(quantization);
  const { hiddenSize, ffnSize, headDim, heads, kvHeads } = config;
  const bytes = (rows: number, columns: number, precision: Precision): number => {
    if (precision === "fp32") return rows * columns * 4;
    if (precision === "int8") return rows * (columns + 4);
    const blocks = Math.ceil(columns / int4Block(columns));
    return rows * blocks * (int4Block(columns) / 2 + 4);
  };
  const layer = [
    [(heads + 2 * kvHeads) * headDim, hiddenSize],
    [hiddenSize, heads * headDim],
    [2 * ffnSize, hiddenSize],
    [hiddenSize, ffnSize],
  ] as const;
  const perLayer = layer.reduce((sum, [rows, columns]) => sum + bytes(rows, columns, precisions.linear), 0);
  return config.layers * perLayer + bytes(config.vocabSize, hiddenSize, precisions.output);
}

/** Collects rows for people and figures for programs. */
class Table {
  readonly #bandwidth: number;
  readonly #rows: (string | number)[][] = [];
  readonly #figures: Record<string, number>;
  readonly notes: string[] = [];

  constructor(bandwidth: number) {
    this.#bandwidth = bandwidth;
    this.#figures = { "memory.read_bytes_per_second": bandwidth };
  }

  note(text: string): void {
    this.notes.push(text);
  }

  add(label: string, name: string, measured: Measured, converted: Measured, bytes: number): void {
    const speed = (batch: number, ms = Number.NaN) => (batch * 1000) / ms;
    const batch1 = speed(1, measured.batch1Ms);
    const batch1Best = speed(1, measured.batch1BestMs);
    const batch4 = speed(SLOTS, measured.batch4Ms);
    const batch4Best = speed(SLOTS, measured.batch4BestMs);
    const share = (bytes * batch1Best) / this.#bandwidth;
    const prefill = measured.prefillTokensPerSecond ?? Number.NaN;
    const { privateBytes = Number.NaN, fileBytes = Number.NaN } = measured;
    const percent = `${(share * 100).toFixed(0)}%`;
    const memory = [Math.round(privateBytes / MB), Math.round(fileBytes / MB)];
    const speeds = [prefill, batch1, batch1Best, batch4, batch4Best];
    this.#rows.push([label, Math.round(measured.loadMs), ...speeds, bytes / MB, percent, ...memory]);
    const figures: Record<string, number> = {
      load_ms: measured.loadMs,
      convert_ms: converted.loadMs,
      convert_peak_bytes: converted.peakBytes,
      "prefill.tokens_per_second": prefill,
      "batch1.tokens_per_second": batch1,
      "batch1.best_tokens_per_second": batch1Best,
      "batch4.tokens_per_second": batch4,
      "batch4.best_tokens_per_second": batch4Best,
      bytes_per_token: bytes,
      bandwidth_share: share,
      private_bytes: privateBytes,
      file_bytes: fileBytes,
    };
    for (const [key, value] of Object.entries(figures)) {
      if (Number.isFinite(value)) this.#figures[`${name}.${key}`] = value;
    }
  }

  result(notes: string[]): BenchResult {
    const title = "decode: one model, straight through the decoder";
    return { title, columns: COLUMNS, rows: this.#rows, figures: this.#figures, notes };
  }
}

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { probeHardware } from "../../node-agent/hardware/probe.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { bytesIn } from "./bytes-in.ts";
import { type Converted, type ConvertJob, convertedSchema } from "./convert-job.ts";
import { writeSyntheticModel } from "./synthetic-model.ts";

const MB = 1e6;
const SAMPLE_MS = 20;
const COLUMNS = [
  "precision",
  "convert s",
  "compile s",
  "open s",
  "input MB",
  "weights MB",
  "compiled MB",
  "peak until compiled MB",
  "peak MB",
  "peak/weights",
  "peak/compiled",
];

interface Memory {
  /** Largest of all samples: memory of the process alone, and of both kinds together. */
  privateBytes: number;
  residentBytes: number;
}

/** What it takes to make a downloaded model ready to run, which happens once. */
export const convert: Bench = {
  name: "convert",
  summary: "time and memory to convert and compile a synthetic 1.1B model (2.2 GB of bfloat16) in int4 and int8",
  async run({ quick }) {
    await using temporary = await temporaryFolder();
    const folder = join(temporary.path, "synthetic");
    const parameters = await writeSyntheticModel(folder);
    const input = (await stat(join(folder, "model.safetensors"))).size;
    const rows: BenchResult["rows"] = [];
    const figures: Record<string, number> = {};
    for (const quantization of quick ? (["int4"] as const) : (["int4", "int8"] as const)) {
      const cacheDir = join(temporary.path, quantization);
      const { converted, memory } = await runChild({ folder, cacheDir, quantization });
      const output = bytesIn(cacheDir);
      const { convertMs, compileMs, openMs, weightBytes, convertPeakBytes, peakBytes } = converted;
      rows.push([
        quantization,
        ...[convertMs, compileMs, openMs].map((ms) => ms / 1000),
        ...[input, weightBytes, output, convertPeakBytes, peakBytes].map((bytes) => Math.round(bytes / MB)),
        peakBytes / weightBytes,
        peakBytes / output,
      ]);
      Object.assign(
        figures,
        named(`b1_1.${quantization}`, {
          convert_ms: convertMs,
          compile_ms: compileMs,
          open_ms: openMs,
          weight_bytes: weightBytes,
          output_bytes: output,
          convert_peak_bytes: convertPeakBytes,
          peak_bytes: peakBytes,
          peak_private_bytes: memory.privateBytes,
          peak_sampled_bytes: memory.residentBytes,
        }),
      );
    }
    return {
      title: `convert: ${(parameters / 1e9).toFixed(2)} billion weights made ready to run`,
      columns: COLUMNS,
      rows,
      figures,
      notes: [
        `${probeHardware().cpu.cores} threads, one process that loads the model for the first time.`,
        `Peak: the kernel's high-water mark of resident memory (VmHWM), Node itself and mapped files included; until compiled: before ONNX Runtime packs the weights, which it holds all at once.`,
        "Weights: rounded, before they are compiled. The compiled files keep them, since ONNX Runtime checks what was packed against them, and add the packed copies that run.",
        "The disk's cache holds the input, which was just written.",
      ],
    };
  },
};

function named(prefix: string, figures: Record<string, number>): Record<string, number> {
  const finite = Object.entries(figures).filter(([, value]) => Number.isFinite(value));
  return Object.fromEntries(finite.map(([key, value]) => [`${prefix}.${key}`, value]));
}

async function runChild(job: ConvertJob): Promise<{ converted: Converted; memory: Memory }> {
  const child = fork(fileURLToPath(new URL("./convert-child.ts", import.meta.url)));
  const sampled = sampleMemory(child);
  child.send(job);
  const exited = once(child, "exit");
  const failed = exited.then(([code]) => {
    throw new Error(`The converting process ended with exit code ${code} before it had a result.`);
  });
  const [message] = await Promise.race([once(child, "message"), failed]);
  await failed.catch(() => child.exitCode);
  return { converted: convertedSchema.parse(message), memory: await sampled };
}

/** Looks at the memory of a process until it ends; without figures where there is no /proc. */
async function sampleMemory(child: ChildProcess): Promise<Memory> {
  const memory: Memory = { privateBytes: Number.NaN, residentBytes: Number.NaN };
  while (child.exitCode === null && child.signalCode === null) {
    const text = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) * 1024;
    memory.privateBytes = most(memory.privateBytes, bytes("RssAnon"));
    memory.residentBytes = most(memory.residentBytes, bytes("VmRSS"));
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  }
  return memory;
}

/** The larger number; the other where one is none. */
function most(a: number, b: number): number {
  return a >= b || Number.isNaN(b) ? a : b;
}

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { probeHardware } from "../../node-agent/hardware/probe.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { Engine, type Result } from "./engine-job.ts";
import { quantile } from "./statistics.ts";
import { writeSyntheticGguf } from "./synthetic-gguf.ts";
import { SHAPES, writeSyntheticModel } from "./synthetic-model.ts";

const PAIRS = [
  { quantization: "int4", gguf: "Q4_0" },
  { quantization: "int8", gguf: "Q8_0" },
] as const;
const ROUNDS = { full: 5, quick: 2 };
const PROMPT_TOKENS = 1024;
const SHORT_PROMPT_TOKENS = 24;
const ANSWER_TOKENS = 48;
const EDIT_TOKENS = 400;

/** Our engine beside llama.cpp on models of the same shape, in one run: each figure's pairs are measured in turn. */
export const engine: Bench = {
  name: "engine",
  summary: "the engine beside llama.cpp on synthetic models of 135M and 1.1B: speed, time to first token, memory",
  async run({ quick }) {
    const threads = probeHardware().cpu.cores;
    await using temporary = await temporaryFolder();
    const table = new Table();
    for (const name of quick ? (["135M"] as const) : (["135M", "1.1B"] as const)) {
      const folder = join(temporary.path, name);
      await writeSyntheticModel(folder, SHAPES[name]);
      for (const { quantization, gguf } of PAIRS) {
        const file = join(temporary.path, `${name}-${gguf}.gguf`);
        await writeSyntheticGguf(file, SHAPES[name], gguf);
        const cacheDir = join(temporary.path, `compiled-${name}-${quantization}`);
        await mkdir(cacheDir);
        const pair = new Pair({ folder, quantization, cacheDir, file, threads, vocabSize: SHAPES[name].vocab_size });
        const measured = await pair.measure(quick ? ROUNDS.quick : ROUNDS.full);
        table.add(
          `${name} ${quantization} / ${gguf}`,
          `b${name.replace(".", "_").toLowerCase()}.${quantization}`,
          measured,
        );
      }
    }
    return table.result([
      `${threads} threads each; medians of ${quick ? ROUNDS.quick : ROUNDS.full} rounds, ours and llama.cpp's in turn. Cells: ours / llama.cpp's (ours over llama.cpp's).`,
      `Prefill: ${PROMPT_TOKENS} tokens, to the first token of the answer. Second turn: the same prompt, the answer and ${SHORT_PROMPT_TOKENS} tokens more.`,
      "At 4 and 8: total tokens/s while all decode. Load: from the compiled cache; llama.cpp's from its file, both in the page cache, context included, each in a new process.",
      "Memory after the run: anonymous + mapped from files, Node included; llama.cpp maps its weights or repacks them into anonymous memory as it sees fit.",
      `Edit: an answer that copies its prompt of ${EDIT_TOKENS} tokens but for every 40th, with guesses over without. The sampler is told the answer (random weights copy nothing): what the model computes is real.`,
      "Second process: private memory of another one with the same model, over the total of the first.",
    ]);
  },
};

interface PairOptions {
  folder: string;
  quantization: Quantization;
  cacheDir: string;
  file: string;
  threads: number;
  vocabSize: number;
}

/** What was measured of both; llama.cpp's comes second, NaN where it was not asked. */
type Measured = Record<string, [ours: number, theirs: number]>;

class Pair {
  readonly #options: PairOptions;
  readonly #random = seededRandom(1);

  constructor(options: PairOptions) {
    this.#options = options;
  }

  async measure(rounds: number): Promise<Measured> {
    await this.#convert();
    const [own, llama] = [new Engine("own"), new Engine("llama")];
    const samples = new Map<string, [number[], number[]]>();
    const note = (name: string, ours: number, theirs = Number.NaN): void => {
      const [a, b] = samples.get(name) ?? [[], []];
      samples.set(name, [
        [...a, ours],
        [...b, theirs],
      ]);
    };
    note("load_ms", (await this.#load(own, "own")).ms, (await this.#load(llama, "llama")).ms);
    for (let load = 1; load < rounds; load++)
      note("load_ms", await this.#loadTime("own"), await this.#loadTime("llama"));
    for (let round = 0; round < rounds; round++) await this.#round(own, llama, note);
    await this.#memory(own, llama, note);
    await Promise.all([own.close(), llama.close()]);
    return Object.fromEntries(
      [...samples].map(([name, [a, b]]) => [name, [quantile(a, 0.5), quantile(b, 0.5)] satisfies [number, number]]),
    );
  }

  /** The first load converts and compiles; it is measured by another benchmark. */
  async #convert(): Promise<void> {
    const first = new Engine("own");
    await this.#load(first, "own");
    await first.close();
  }

  /** Milliseconds that a load takes in a new process. */
  async #loadTime(kind: "own" | "llama"): Promise<number> {
    const process = new Engine(kind);
    const { ms } = await this.#load(process, kind);
    await process.close();
    return ms;
  }

  async #load(process: Engine, kind: "own" | "llama"): Promise<Result> {
    const { folder, file, quantization, cacheDir, threads } = this.#options;
    return await process.run({ kind: "load", model: kind === "own" ? folder : file, quantization, cacheDir, threads });
  }

  async #round(own: Engine, llama: Engine, note: (name: string, ours: number, theirs?: number) => void): Promise<void> {
    const both = async (prompts: number[][], tokens: number) =>
      [
        await own.run({ kind: "answer", prompts, tokens }),
        await llama.run({ kind: "answer", prompts, tokens }),
      ] as const;
    const prompt = this.#prompt(PROMPT_TOKENS);
    const cold = await both([prompt], 8);
    const firstMs = cold.map((result) => result.firstMs ?? Number.NaN);
    note(
      "prefill_tokens_per_second",
      (PROMPT_TOKENS * 1000) / (firstMs[0] ?? 0),
      (PROMPT_TOKENS * 1000) / (firstMs[1] ?? 0),
    );
    note("first_token_ms", firstMs[0] ?? Number.NaN, firstMs[1]);
    const next = this.#prompt(SHORT_PROMPT_TOKENS);
    const turn = (result: Result) => [...prompt, ...(result.tokens?.[0] ?? []), ...next];
    const second = [
      await own.run({ kind: "answer", prompts: [turn(cold[0])], tokens: 1 }),
      await llama.run({ kind: "answer", prompts: [turn(cold[1])], tokens: 1 }),
    ].map((result) => result.firstMs ?? Number.NaN);
    note("second_turn_ms", second[0] ?? Number.NaN, second[1]);
    for (const batch of [1, 4, 8]) {
      const prompts = Array.from({ length: batch }, () => this.#prompt(SHORT_PROMPT_TOKENS));
      const [ours, theirs] = (await both(prompts, ANSWER_TOKENS)).map(
        ({ sharedTokens = 0, sharedMs = Number.NaN }) => (sharedTokens * 1000) / sharedMs,
      );
      note(`batch${batch}_tokens_per_second`, ours ?? Number.NaN, theirs);
    }
    const edit = this.#prompt(EDIT_TOKENS);
    const [plain, drafted] = [
      await own.run({ kind: "edit", prompt: edit, drafts: false }),
      await own.run({ kind: "edit", prompt: edit, drafts: true }),
    ].map(({ sharedMs, ms, firstMs: first = 0 }) => sharedMs ?? ms - first);
    note("edit_speedup", (plain ?? Number.NaN) / (drafted ?? Number.NaN));
  }

  async #memory(
    own: Engine,
    llama: Engine,
    note: (name: string, ours: number, theirs?: number) => void,
  ): Promise<void> {
    const [ours, theirs] = [await own.run({ kind: "memory" }), await llama.run({ kind: "memory" })];
    const { privateBytes = Number.NaN, fileBytes = Number.NaN } = ours;
    note("private_bytes", privateBytes, theirs.privateBytes);
    note(
      "total_bytes",
      privateBytes + fileBytes,
      (theirs.privateBytes ?? Number.NaN) + (theirs.fileBytes ?? Number.NaN),
    );
    const second = new Engine("own");
    await this.#load(second, "own");
    await second.run({ kind: "answer", prompts: [this.#prompt(SHORT_PROMPT_TOKENS)], tokens: 8 });
    const { privateBytes: secondBytes = Number.NaN } = await second.run({ kind: "memory" });
    note("second_process_share", secondBytes / (privateBytes + fileBytes));
    await second.close();
  }

  #prompt(length: number): number[] {
    return Array.from({ length }, () => 3 + Math.floor(this.#random() * (this.#options.vocabSize - 3)));
  }
}

const MB = 1e6;

class Table {
  readonly #rows: string[][] = [];
  readonly #figures: Record<string, number> = {};

  add(label: string, name: string, measured: Measured): void {
    for (const [key, [ours, theirs]] of Object.entries(measured)) {
      this.#figures[`${name}.${key}`] = ours;
      if (!Number.isNaN(theirs)) this.#figures[`${name}.llama_cpp.${key}`] = theirs;
    }
    const cell = (key: string, unit = 1): string => {
      const [ours, theirs] = measured[key] ?? [Number.NaN, Number.NaN];
      return `${short(ours / unit)} / ${short(theirs / unit)} (${(ours / theirs).toFixed(2)})`;
    };
    const own = (key: string): number => measured[key]?.[0] ?? Number.NaN;
    const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
    this.#rows.push([
      label,
      cell("prefill_tokens_per_second"),
      cell("batch1_tokens_per_second"),
      cell("batch4_tokens_per_second"),
      cell("batch8_tokens_per_second"),
      cell("first_token_ms"),
      cell("second_turn_ms"),
      percent(own("second_turn_ms") / own("first_token_ms")),
      `${own("edit_speedup").toFixed(2)}x`,
      cell("load_ms"),
      cell("private_bytes", MB),
      cell("total_bytes", MB),
      percent(own("second_process_share")),
    ]);
  }

  result(notes: string[]): BenchResult {
    const columns = [
      "model",
      "prefill tok/s",
      "decode tok/s",
      "4 at once",
      "8 at once",
      "first token ms",
      "second turn ms",
      "of first",
      "edit",
      "load ms",
      "private MB",
      "total MB",
      "second process",
    ];
    return { title: "engine: ours beside llama.cpp", columns, rows: this.#rows, figures: this.#figures, notes };
  }
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

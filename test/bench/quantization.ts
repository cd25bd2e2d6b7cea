import { mkdtemp, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Decoder } from "../../node-agent/engine/decoder.ts";
import { probeHardware } from "../../node-agent/hardware/probe.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { selfWrittenTexts } from "../../node-agent/model/quantization/calibration-texts.ts";
import { quantizeModel } from "../../node-agent/model/quantization/quantize-model.ts";
import { recipeSchema } from "../../node-agent/model/quantization/recipe.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import { STARTER } from "../support/engine-starter.ts";
import { starterGguf } from "../support/gguf-starter.ts";
import { openLlama } from "../support/llama-cpp.ts";
import { documentsPerplexity, starterPrompts } from "../support/llama-cpp-starter.ts";
import { greedy, perplexity, readEvaluation } from "../support/model-starter.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import type { Bench, BenchResult } from "./bench.ts";

const STEPS = 32;
const COLUMNS = ["weights", "bytes", "perplexity", "loss", "assistant", "loss", "greedy agreement", "made in s"];

/** What each way to round costs the starter, on its held-out tokens. */
export const quantization: Bench = {
  name: "quantization",
  summary:
    "the starter in fp32, int8 and int4, rounded and fitted, beside llama.cpp: bytes, perplexity, greedy agreement",
  async run({ quick }) {
    await using temporary = await temporaryFolder();
    const documents = (await readEvaluation()).documents.slice(0, quick ? 30 : undefined);
    const table = new Table(temporary.path, documents, await starterPrompts(quick ? 5 : 25));
    await table.addOwn("fp32", STARTER, "fp32", 0);
    await table.addMade("int8, per channel", "int8", {});
    await table.addMade("int4, block 64, rounded", "int4.rtn", { output: "int4" });
    await table.addMade("int4, block 64, fitted (GPTQ)", "int4.gptq", { output: "int4", fitted: true });
    await table.addMade("int4, block 32, rounded", "int4_32.rtn", { output: "int4", block: 32 });
    await table.addMade("int4, block 32, fitted (GPTQ)", "int4_32.gptq", { output: "int4", block: 32, fitted: true });
    await table.addLlama();
    return table.result([
      `${documents.length} held-out documents, each scored alone; loss: beside fp32. Assistant: on what the assistant says alone.`,
      `Greedy agreement: tokens until the first that is not fp32's, of ${STEPS} tokens for each prompt. Embedding and output layer are in int8 beside int4 layers.`,
      "Fitted to 16,384 tokens that the starter wrote by itself; nothing of the evaluation went into it. Time includes the writing.",
      "Q4_0 has blocks of 32 and its embedding, which is the output layer too, in Q8_0. In llama.cpp, and the same file here.",
    ]);
  },
};

type Documents = Awaited<ReturnType<typeof readEvaluation>>["documents"];

interface Making {
  output?: Quantization;
  block?: number;
  fitted?: boolean;
}

class Table {
  readonly #folder: string;
  readonly #documents: Documents;
  readonly #prompts: readonly number[][];
  readonly #rows: BenchResult["rows"] = [];
  readonly #figures: Record<string, number> = {};
  #exact: { all: number; assistant: number; answers: number[][] } | undefined;

  constructor(folder: string, documents: Documents, prompts: readonly number[][]) {
    this.#folder = folder;
    this.#documents = documents;
    this.#prompts = prompts;
  }

  /** A model that we run. */
  async addOwn(label: string, path: string, precision: Quantization, seconds: number, name = label): Promise<void> {
    await using decoder = await this.#load(path, precision);
    const { all, assistant } = await perplexity(decoder, this.#documents);
    const answers: number[][] = [];
    for (const prompt of this.#prompts) answers.push(await greedy(decoder, prompt, STEPS));
    this.#exact ??= { all, assistant, answers };
    const bytes = (await stat(path.endsWith(".gguf") ? path : join(path, "model.safetensors"))).size;
    this.#add(label, name, { bytes, all, assistant, answers, seconds });
  }

  /** The starter, quantised. */
  async addMade(label: string, name: string, { output, block, fitted }: Making): Promise<void> {
    const target = await mkdtemp(join(this.#folder, "made-"));
    const started = performance.now();
    const precision = output ?? "int8";
    const recipe = recipeSchema.parse({ weights: precision, ...(block === undefined ? {} : { block }) });
    const self = { path: STARTER, quantization: "fp32", cacheDir: this.#folder, purpose: "calibrate" } as const;
    const calibration = fitted ? { calibration: await selfWrittenTexts(self) } : {};
    const { cores: threads } = probeHardware().cpu;
    await quantizeModel({ path: STARTER, target, recipe, threads, ...calibration });
    await this.addOwn(label, target, precision, (performance.now() - started) / 1000, name);
  }

  /** llama.cpp's Q4_0 in llama.cpp, and here. */
  async addLlama(): Promise<void> {
    const path = join(this.#folder, "starter-Q4_0.gguf");
    await writeFile(path, await starterGguf("Q4_0"));
    await using llama = await openLlama(path, 1024);
    const answers: number[][] = [];
    for (const prompt of this.#prompts) answers.push(await llama.greedy(prompt, STEPS));
    const all = await documentsPerplexity(llama, this.#documents);
    const { bytes } = llama;
    this.#add("Q4_0 in llama.cpp", "llama.q4_0", { bytes, all, assistant: undefined, answers, seconds: 0 });
    await this.addOwn("Q4_0 here, bit for bit", path, "int4", 0, "q4_0");
  }

  result(notes: string[]): BenchResult {
    const title = "quantization: what rounding costs the starter";
    return { title, columns: COLUMNS, rows: this.#rows, figures: this.#figures, notes };
  }

  #add(
    label: string,
    name: string,
    found: { bytes: number; all: number; assistant: number | undefined; answers: number[][]; seconds: number },
  ): void {
    const { bytes, all, assistant, answers, seconds } = found;
    const exact = this.#exact ?? { all, assistant: assistant ?? Number.NaN, answers };
    const percent = (value: number | undefined, of: number) =>
      value === undefined ? "" : `${((value / of - 1) * 100).toFixed(2)}%`;
    const agreeing = answers.reduce((sum, answer, i) => sum + commonLength(answer, exact.answers[i] ?? []), 0);
    const share = agreeing / (answers.length * STEPS);
    const perplexities = [
      all.toFixed(4),
      percent(all, exact.all),
      assistant?.toFixed(4) ?? "",
      percent(assistant, exact.assistant),
    ];
    this.#rows.push([label, bytes, ...perplexities, `${(share * 100).toFixed(1)}%`, seconds.toFixed(1)]);
    this.#figures[`${name}.bytes`] = bytes;
    this.#figures[`${name}.perplexity`] = all;
    if (assistant !== undefined) this.#figures[`${name}.assistant_perplexity`] = assistant;
    this.#figures[`${name}.greedy_agreement`] = share;
  }

  async #load(folder: string, precision: Quantization): Promise<Decoder & AsyncDisposable> {
    const decoder = await loadDecoder({ folder, quantization: precision, cacheDir: this.#folder, slots: 1 });
    return Object.assign(decoder, { [Symbol.asyncDispose]: () => decoder.dispose() });
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((token, i) => token !== b[i]);
  return differs === -1 ? Math.min(a.length, b.length) : differs;
}

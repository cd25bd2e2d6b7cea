import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import { type Quantization, weightBytes } from "../../shared/inference/model.ts";
import { BUNDLED_MODELS } from "../data-folder.ts";
import { probeHardware } from "../hardware/probe.ts";
import { openModelTensors } from "../model/model-files.ts";
import { checkModelName } from "../model/pull/source.ts";
import { piecesOf, selfWrittenTexts } from "../model/quantization/calibration-texts.ts";
import { quantizeModel } from "../model/quantization/quantize-model.ts";
import type { Recipe } from "../model/quantization/recipe.ts";
import { listLocalModels, readModel, resolveModel, type UsableModel } from "../model/registry.ts";
import { addToStore } from "../model/store/add.ts";
import { measureTextPerplexity } from "../model/text-perplexity.ts";
import { CommandError } from "./command-error.ts";
import { oneOf } from "./flag-values.ts";
import type { ModelsContext } from "./models.ts";
import { printReport, type QuantizeReport } from "./models-quantize-report.ts";
import { readRecipe } from "./models-recipe.ts";
import { readText, workFolder } from "./models-work.ts";
import { interruption } from "./signals.ts";
import { StatusLine, say } from "./terminal.ts";

const METHODS = ["gptq", "rtn"] as const;
/** Tokens that perplexity is measured on where no text was given. */
const COMPARED_TOKENS = 2048;

/** `porchlight models quantize`: makes a smaller model of its own out of one that is here. 130 when interrupted. */
export async function quantizeModelNamed({ flags, modelsDir, model: from }: ModelsContext): Promise<number> {
  if (flags.as === undefined) throw new CommandError("bad_usage", "Give the new model a name: --as NAME.");
  const name = checkModelName(flags.as);
  const recipe = await readRecipe(flags);
  const method = oneOf("method", flags.method, METHODS) ?? "gptq";
  const model = await resolveModel(from, await listLocalModels({ folders: [modelsDir, BUNDLED_MODELS] }));
  refuse(model);
  const text = flags.text === undefined ? undefined : await readText(flags.text);
  const calibration = flags.calibration === undefined ? undefined : await readText(flags.calibration);
  const stop = new AbortController();
  void interruption().then(() => stop.abort(new PorchlightError("cancelled")));
  const status = new StatusLine();
  await using work = await workFolder(modelsDir);
  try {
    const fits = method === "gptq" && usesInt4(recipe);
    const show = (what: string) => status.show(what);
    const job = { model, name, recipe, fits, text, calibration, folder: work.path, show, signal: stop.signal };
    const made = await make(job);
    const source = `${model.name}, quantised (${made.method})`;
    await addToStore({ modelsDir, name, folder: targetOf(job), source, move: true, signal: stop.signal });
    status.clear();
    printReport(made, flags.json);
    return 0;
  } catch (error) {
    status.clear();
    if (!(error instanceof PorchlightError) || error.code !== "cancelled") throw error;
    say("Stopped. Nothing was changed.");
    return 130;
  }
}

function refuse({ name, info }: UsableModel): void {
  if (info.task === "generate") return;
  throw new PorchlightError(
    "invalid_request",
    `${name} is a model for embeddings: these are rounded when they are loaded.`,
  );
}

interface Job {
  model: UsableModel;
  name: string;
  recipe: Recipe;
  /** Whether matrices in 4 bits are fitted to a text. */
  fits: boolean;
  /** What perplexity is measured on, and what matrices are fitted to; undefined: what the model writes by itself. */
  text: string | undefined;
  calibration: string | undefined;
  /** An empty folder. */
  folder: string;
  show: (what: string) => void;
  signal: AbortSignal;
}

const targetOf = ({ folder }: Job): string => join(folder, "model");

async function make(job: Job): Promise<QuantizeReport> {
  const { model, name, recipe, fits, folder, show, signal } = job;
  const { info, folder: path } = model;
  const target = targetOf(job);
  const cacheDir = join(folder, "compiled");
  // A model without weights that can be read is refused before anything takes long.
  await (await openModelTensors(path)).close();
  await mkdir(target);
  const started = performance.now();
  const self = { path, quantization: info.quantization, cacheDir };
  if (job.text === undefined) show(`${model.name} writes texts to be compared on`);
  const text = job.text ?? (await selfWrittenTexts({ ...self, purpose: "compare", tokens: COMPARED_TOKENS }));
  signal.throwIfAborted();
  const exact = exactAsPossible(model);
  const measure = async (folderOf: string, quantization: Quantization) =>
    await measureTextPerplexity({ path: folderOf, quantization, cacheDir, text });
  show(`Measuring ${model.name}`);
  const before = await measure(path, exact);
  signal.throwIfAborted();
  if (fits && job.calibration === undefined) show(`${model.name} writes texts to be fitted to`);
  const calibration =
    job.calibration === undefined
      ? async () => await selfWrittenTexts({ ...self, purpose: "calibrate" })
      : async () => await piecesOf(path, job.calibration ?? "");
  const errors = await quantizeModel({
    path,
    target,
    recipe,
    ...(fits ? { calibration: await calibration() } : {}),
    threads: probeHardware().cpu.cores,
    onProgress: (fraction) => show(`Quantising: ${Math.round(fraction * 100)}%`),
    signal,
  });
  const result = await readModel(target, name);
  if (!result.usable) throw new Error(`What was made cannot be loaded: ${result.problem}`);
  show(`Measuring ${name}`);
  const after = await measure(target, result.info.quantization);
  const { size: bytes } = await stat(join(target, "model.safetensors"));
  const seconds = (performance.now() - started) / 1000;
  // The system gives kilobytes.
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const measured = job.text === undefined ? `what ${model.name} writes by itself` : "the text";
  return {
    name,
    method: fits ? "gptq" : "rtn",
    exact,
    bytes,
    text: measured,
    before,
    after,
    errors,
    seconds,
    peakBytes,
  };
}

/** Real numbers where they fit in memory with ease; else what the model runs as. */
function exactAsPossible({ info }: UsableModel): Quantization {
  const fits = weightBytes(info.parameters, "fp32") < probeHardware().memory.totalBytes / 4;
  return fits ? "fp32" : info.quantization;
}

function usesInt4(recipe: Recipe): boolean {
  return recipe.weights === "int4" || recipe.tensors.some(({ weights }) => weights === "int4");
}

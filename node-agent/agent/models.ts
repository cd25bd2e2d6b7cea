import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Quantization, wrongTask } from "../../shared/inference/model.ts";
import { BUNDLED_MODELS } from "../data-folder.ts";
import type { EngineModel } from "../engine/backend.ts";
import { checkContext, embeddingContextWithin, kvBudget } from "./context-budget.ts";
import { contentVersion } from "../model/content-version.ts";
import { isGguf } from "../model/model-files.ts";
import { chooseDefault, listLocalModels, type LocalModel, resolveModel, type UsableModel } from "../model/registry.ts";

export interface ModelChoice {
  /** Every usable model of this machine; the default one first, so that it is the first the API lists. */
  models: EngineModel[];
  /** Name of the one that is loaded ahead of the first question. */
  preferred: string;
}

export interface WantedModels {
  modelsDir: string;
  /** A name or a folder; absent: the best that fits in memory. */
  model?: string | undefined;
  /** For every model, instead of what suits each. */
  quantization?: Quantization | undefined;
  /** Name or folder of a smaller model that guesses the default model's tokens. */
  draft?: string | undefined;
  /** Tokens of one conversation; absent: all that there is memory for. */
  contextLength?: number | undefined;
  /** Requests that one model answers at once. */
  slots: number;
  /** For all models together. */
  memoryBytes: number;
}

/**
 * Finds the models of this machine and picks the default. Throws PorchlightError `model_not_found` or `model_load_failed`, and
 * `invalid_request` where it cannot take the wanted context.
 */
export async function chooseModels(wanted: WantedModels): Promise<ModelChoice> {
  const local = await listLocalModels({ folders: [wanted.modelsDir, BUNDLED_MODELS] });
  const chosen =
    wanted.model === undefined ? chooseDefault(local, wanted.memoryBytes) : await resolveModel(wanted.model, local);
  // The name "starter" is the bundled model's, so asking for it says what is missing when even that is.
  const preferred = chosen ?? (await resolveModel("starter", local));
  if (preferred.info.task === "embed") throw wrongTask(preferred.name, "generate");
  await checkContext(preferred, wanted);
  const others = local.filter((model) => model.usable).filter((model) => model.name !== preferred.name);
  const models = await Promise.all([preferred, ...others].map((model) => toEngineModel(model, wanted)));
  return { models: await withDraft(models, local, wanted), preferred: preferred.name };
}

/**
 * The models of this machine now, after they were `before`: the default stays the default as long as it is there. One that is being changed,
 * and cannot be read for a moment, stays as it was.
 */
export async function chooseModelsAgain(
  wanted: WantedModels,
  before: readonly EngineModel[],
): Promise<readonly EngineModel[]> {
  const local = await listLocalModels({ folders: [wanted.modelsDir, BUNDLED_MODELS] });
  const named = wanted.model === undefined ? undefined : await resolveModel(wanted.model, local).catch(() => undefined);
  // A model at a path is no part of the list, and hides one of its name there.
  const listed = named === undefined ? local : [named, ...local.filter(({ name }) => name !== named.name)];
  const [preferred] = before;
  const models = await Promise.all(
    listed.map(async (model) =>
      model.usable ? await toEngineModel(model, wanted) : before.find(({ name }) => name === model.name),
    ),
  );
  const found = models.filter((model) => model !== undefined);
  const sorted = found.toSorted((a, b) => Number(b.name === preferred?.name) - Number(a.name === preferred?.name));
  return await withDraft(sorted, local, wanted);
}

/** Gives the default model, the first, its draft model. */
async function withDraft(
  [preferred, ...others]: EngineModel[],
  local: readonly LocalModel[],
  { draft }: WantedModels,
): Promise<EngineModel[]> {
  if (preferred === undefined) return others;
  if (draft === undefined) return [preferred, ...others];
  const { folder, info } = await resolveModel(draft, local);
  return [{ ...preferred, draft: { folder: await realpath(folder), quantization: info.quantization } }, ...others];
}

async function toEngineModel({ folder, info }: UsableModel, wanted: WantedModels): Promise<EngineModel> {
  // A load reads one version from its first file to its last, even if the name leads to another one meanwhile.
  // A GGUF file keeps its name: what a link leads to may have none that says what it is.
  const place = isGguf(folder) ? join(await realpath(dirname(folder)), basename(folder)) : await realpath(folder);
  return {
    ...info,
    folder: place,
    version: await contentVersion(place),
    ...(info.task === "embed"
      ? { contextLength: await embeddingContextWithin(place, wanted.memoryBytes) }
      : await kvBudget(place, wanted)),
    quantization: wanted.quantization ?? info.quantization,
  };
}

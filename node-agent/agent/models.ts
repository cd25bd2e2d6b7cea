import { type Quantization, wrongTask } from "../../shared/inference/model.ts";
import { BUNDLED_MODELS } from "../data-folder.ts";
import type { EngineModel } from "../engine/backend.ts";
import { contextWithin, embeddingContextWithin } from "./context-budget.ts";
import { chooseDefault, listLocalModels, resolveModel } from "../model/registry.ts";

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
  /** Requests that one model answers at once. */
  slots: number;
  memoryBytes: number;
}

/** Finds the models of this machine and picks the default. Throws PorchlightError `model_not_found` or `model_load_failed`. */
export async function chooseModels(wanted: WantedModels): Promise<ModelChoice> {
  const local = await listLocalModels({ folders: [wanted.modelsDir, BUNDLED_MODELS] });
  const chosen =
    wanted.model === undefined ? chooseDefault(local, wanted.memoryBytes) : await resolveModel(wanted.model, local);
  // The name "starter" is the bundled model's, so asking for it says what is missing when even that is.
  const preferred = chosen ?? (await resolveModel("starter", local));
  if (preferred.info.task === "embed") throw wrongTask(preferred.name, "generate");
  const others = local.filter((model) => model.usable).filter((model) => model.name !== preferred.name);
  const models = [preferred, ...others].map(
    async ({ folder, info }): Promise<EngineModel> => ({
      ...info,
      folder,
      contextLength:
        info.task === "embed"
          ? await embeddingContextWithin(folder, wanted.memoryBytes)
          : await contextWithin(folder, wanted.slots, wanted.memoryBytes),
      quantization: wanted.quantization ?? info.quantization,
    }),
  );
  return { models: await Promise.all(models), preferred: preferred.name };
}

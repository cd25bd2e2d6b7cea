import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import { BUNDLED_MODELS } from "../data-folder.ts";
import { isGguf, modelNameOf } from "../model/model-files.ts";
import { nearNames } from "../model/near-names.ts";
import { listLocalModels, type LocalModel } from "../model/registry.ts";
import { filesUnder } from "../model/store/file-system.ts";
import { linkedVersion, storePaths } from "../model/store/layout.ts";
import { type Manifest, readManifest } from "../model/store/manifest.ts";

/** A model on this disk with what is known of it besides. */
export interface FoundModel {
  model: LocalModel;
  /** The folder that holds its files; the file itself where a GGUF file lies among the models. */
  place: string;
  bytes: number;
  bundled: boolean;
  manifest: Manifest | undefined;
  /** Id of the active version; undefined for a model that the store has no part in. */
  version: string | undefined;
}

/** All models here: what the registry lists, and what was pulled but this build has no reader for. */
export async function findModels(modelsDir: string): Promise<FoundModel[]> {
  const listed = await listLocalModels({ folders: [modelsDir, BUNDLED_MODELS] });
  const names = await readdir(modelsDir).catch(() => []);
  const unlisted = names.filter(
    (name) => !name.startsWith(".") && !listed.some((model) => model.name === modelNameOf(name)),
  );
  const others = unlisted.map((name): LocalModel => {
    const problem = "this build finds no model in it that it can load.";
    return { name, folder: join(modelsDir, name), usable: false, problem };
  });
  return await Promise.all([...listed, ...others].map(async (model) => await look(model, modelsDir)));
}

/** The model with this name. Throws `model_not_found`, with names that are near. */
export async function findModel(modelsDir: string, name: string): Promise<FoundModel> {
  const found = await findModels(modelsDir);
  const match = found.find(({ model }) => model.name === name);
  if (match) return match;
  const names = found.map(({ model }) => model.name);
  const near = nearNames(name, names);
  const hint = near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `There are: ${names.join(", ")}.`;
  throw new PorchlightError("model_not_found", `There is no model "${name.slice(0, 200)}" here. ${hint}`);
}

/** The name of a model that can be changed, by its name. Throws `model_not_found`, and `forbidden` for the one that comes with Porchlight. */
export async function ownModel(modelsDir: string, name: string): Promise<{ name: string }> {
  const { model, bundled } = await findModel(modelsDir, name);
  if (bundled) throw new PorchlightError("forbidden", `${name} comes with Porchlight and has no other versions.`);
  return { name: model.name };
}

async function look(model: LocalModel, modelsDir: string): Promise<FoundModel> {
  const parent = dirname(model.folder);
  const isInFolder = isGguf(model.folder) && parent !== modelsDir;
  const place = isInFolder ? parent : model.folder;
  const names = await filesUnder(place).catch(() => []);
  const sizes = await Promise.all([place, ...names.map((name) => join(place, name))].map(fileBytes));
  return {
    model,
    place,
    bytes: sizes.reduce((sum, bytes) => sum + bytes, 0),
    bundled: dirname(place) !== modelsDir,
    manifest: await readManifest(place),
    version: await linkedVersion(storePaths(modelsDir), place),
  };
}

async function fileBytes(path: string): Promise<number> {
  return await stat(path).then(
    (entry) => (entry.isFile() ? entry.size : 0),
    () => 0,
  );
}

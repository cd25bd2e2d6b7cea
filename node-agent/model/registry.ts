import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import { type ModelInfo, type Quantization, weightBytes } from "../../shared/inference/model.ts";
import { readConfig } from "./config.ts";
import { defaultQuantization } from "./default-quantization.ts";
import { readEmbeddingFiles } from "./embedding/files.ts";
import { modelError } from "./model-error.ts";
import { inspectGguf, isGguf, modelNameOf, readReadyOnnx } from "./model-files.ts";
import { nearNames } from "./near-names.ts";
import { GENAI_CONFIG, type OnnxFiles } from "./onnx/files.ts";
import { inspectOnnx } from "./onnx/inspect.ts";
import { weighGraph } from "./onnx/weights.ts";
import { openSafetensors } from "./safetensors.ts";

/** A model folder or GGUF file on this disk: one that can be loaded, or what is wrong with it. */
export type LocalModel =
  | { name: string; folder: string; usable: true; info: ModelInfo }
  | { name: string; folder: string; usable: false; problem: string };

export type UsableModel = Extract<LocalModel, { usable: true }>;

/** Name of the model that comes with Porchlight. */
export const BUNDLED_MODEL = "starter";

/**
 * The models in `folders`: every subfolder with a config.json or a GGUF file, and every GGUF file. One that cannot be used says why, instead of being left out. Where two
 * folders hold the same name, the earlier folder's model is taken. A folder that does not exist has no models.
 */
export async function listLocalModels(options: { folders: readonly string[] }): Promise<LocalModel[]> {
  const models = new Map<string, LocalModel>();
  for (const parent of options.folders) {
    for (const entry of await entriesOf(parent)) {
      const name = modelNameOf(entry);
      const path = models.has(name) ? undefined : await modelPath(join(parent, entry));
      if (path !== undefined) models.set(name, await readModel(path, name));
    }
  }
  return [...models.values()];
}

/** Where the model at `path` is: a folder with a configuration, a GGUF file, or the only GGUF file in a folder. */
async function modelPath(path: string): Promise<string | undefined> {
  if (isGguf(path) && (await exists(path))) return path;
  for (const config of ["config.json", GENAI_CONFIG]) if (await exists(join(path, config))) return path;
  const [only, another] = (await readdir(path).catch(() => [])).filter((name) => isGguf(name));
  return only !== undefined && another === undefined ? join(path, only) : undefined;
}

/** Looks at one model folder or GGUF file. Never throws for what is in it: see `LocalModel`. */
export async function readModel(folder: string, name: string = modelNameOf(folder)): Promise<LocalModel> {
  try {
    return { name, folder, usable: true, info: await readInfo(name, folder) };
  } catch (error) {
    const { message } = PorchlightError.from(error);
    return { name, folder, usable: false, problem: message };
  }
}

async function readInfo(name: string, folder: string): Promise<ModelInfo> {
  const { parameters, own, ...shape } = await (isGguf(folder) ? inspectFile(folder) : inspectFolder(folder));
  if (parameters === 0) throw modelError(`${folder}: the model's files hold no weights.`);
  const { birthtimeMs, mtimeMs } = await stat(folder);
  return {
    name,
    ...shape,
    quantization: own ?? defaultQuantization({ parameters, task: shape.task }),
    parameters,
    // Not every file system knows when a folder was made.
    createdAt: Math.floor((birthtimeMs > 0 ? birthtimeMs : mtimeMs) / 1000),
    loaded: false,
  };
}

type Shape = Pick<ModelInfo, "task" | "contextLength" | "architecture" | "parameters"> & {
  /** Where whoever made the files chose it. */
  own?: Quantization | undefined;
};

async function inspectFile(path: string): Promise<Shape> {
  const { config, parameters } = await inspectGguf(path);
  return { task: "generate", contextLength: config.maxPositions, architecture: config.architecture, parameters };
}

async function inspectReady(folder: string, files: OnnxFiles): Promise<Shape> {
  const { graph, maxPositions } = await inspectOnnx(files);
  if (!(await exists(join(folder, "tokenizer.json")))) throw modelError(`${folder} holds no tokenizer.json.`);
  const { parameters, quantization: own } = weighGraph(graph);
  return { task: "generate", contextLength: maxPositions, architecture: files.architecture, parameters, own };
}

async function inspectFolder(folder: string): Promise<Shape> {
  const embedding = await readEmbeddingFiles(folder);
  const ready = embedding === undefined ? await readReadyOnnx(folder) : undefined;
  if (ready !== undefined) return await inspectReady(folder, ready);
  const shape = embedding ?? (await readConfig(folder));
  if (!(await exists(join(folder, "tokenizer.json")))) throw modelError(`${folder} holds no tokenizer.json.`);
  if (embedding?.body.kind === "onnx") {
    const { maxTokens, architecture, body } = embedding;
    const { parameters, quantization: own } = body.graph;
    return { task: "embed", contextLength: maxTokens, architecture, parameters, own };
  }
  const source = await openSafetensors(folder);
  await source.close();
  return {
    task: embedding === undefined ? "generate" : "embed",
    contextLength: "maxTokens" in shape ? shape.maxTokens : shape.maxPositions,
    architecture: shape.architecture,
    parameters: [...source.tensors.values()].reduce((sum, tensor) => sum + tensor.elements, 0),
    own: source.quantization,
  };
}

/**
 * The model that a user means: the folder or GGUF file at a path (anything with a separator, or an existing absolute or relative one), or
 * one of `models` by its name. Throws `model_not_found`, with names that are near, and `model_load_failed` for one that is broken.
 */
export async function resolveModel(nameOrFolder: string, models: readonly LocalModel[]): Promise<UsableModel> {
  const listed = models.find((model) => model.name === nameOrFolder);
  const found = listed ?? (await readFolder(nameOrFolder));
  if (found === undefined) throw notFound(nameOrFolder, models);
  if (!found.usable) throw modelError(`The model ${found.name} cannot be used: ${found.problem}`);
  return found;
}

async function readFolder(path: string): Promise<LocalModel | undefined> {
  const folder = await modelPath(resolve(path));
  return folder === undefined ? undefined : await readModel(folder);
}

function notFound(name: string, models: readonly LocalModel[]): PorchlightError {
  const names = models.map((model) => model.name);
  const near = nearNames(name, names);
  const hint = near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `There are: ${names.join(", ") || "none"}.`;
  return new PorchlightError(
    "model_not_found",
    `There is no model ${JSON.stringify(name.slice(0, 200))} here. ${hint}`,
    {
      param: "model",
    },
  );
}

/** Of the memory for models, what the weights of the default one may take: the rest is for its cache, and for others. */
const WEIGHTS_SHARE = 2 / 3;

/**
 * The model to run when nobody chose one: the one with most parameters whose weights fit in two thirds of `memoryBytes`, and the bundled one
 * when no other does. Models for embeddings do not count. Undefined if there are no usable models at all.
 */
export function chooseDefault(models: readonly LocalModel[], memoryBytes: number): UsableModel | undefined {
  const usable = models.filter((model) => model.usable).filter(({ info }) => info.task === "generate");
  const fitting = usable.filter(
    ({ info }) => weightBytes(info.parameters, info.quantization) <= memoryBytes * WEIGHTS_SHARE,
  );
  const largest = fitting.toSorted((a, b) => b.info.parameters - a.info.parameters)[0];
  return largest ?? usable.find((model) => model.name === BUNDLED_MODEL);
}

async function entriesOf(parent: string): Promise<string[]> {
  const entries = await readdir(parent).catch(() => []);
  return entries.filter((name) => !name.startsWith(".")).toSorted();
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

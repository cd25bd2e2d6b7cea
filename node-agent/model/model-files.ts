import { readdir } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { Quantization } from "../../shared/inference/model.ts";
import { checkGgufTokenizer, ggufTokenizerFiles, type TokenizerFiles } from "../text/gguf-tokenizer.ts";
import { type ModelConfig, parseConfig, readConfig } from "./config.ts";
import { type GenerationDefaults, parseGenerationConfig, readGenerationConfig } from "./generation-config.ts";
import { generationJson } from "./gguf/generation.ts";
import { configJson } from "./gguf/metadata-config.ts";
import { refusePooling } from "./gguf/pooling.ts";
import { type GgufFile, openGguf } from "./gguf/reader.ts";
import { openGgufTensors } from "./gguf/tensor-source.ts";
import { type OnnxFiles, readOnnxFiles } from "./onnx/files.ts";
import { inspectOnnx } from "./onnx/inspect.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorSource } from "./tensor-source.ts";

/**
 * What a model is made of, whichever format it came in: a folder in the Hugging Face layout, a GGUF file, or a folder with a ready-made ONNX graph. All throw PorchlightError
 * `model_load_failed` with what is wrong with it.
 */

const GGUF_EXTENSION = ".gguf";

export function isGguf(path: string): boolean {
  return extname(path).toLowerCase() === GGUF_EXTENSION;
}

/** What the model is called when nobody named it: the folder's name, or the file's without its extension. */
export function modelNameOf(path: string): string {
  return isGguf(path) ? basename(path).slice(0, -GGUF_EXTENSION.length) : basename(path);
}

export async function readModelConfig(path: string): Promise<ModelConfig> {
  if (!isGguf(path)) return await readConfig(path);
  return await withGguf(path, async (file) => parseConfig(await configJson(file)));
}

/** What is known of a decoder before it is loaded, whatever it is made of. */
export interface ModelShape
  extends Pick<ModelConfig, "layers" | "kvHeads" | "headDim" | "maxPositions" | "eosTokenIds"> {
  /** Its name in config.json. */
  architecture: string;
}

export async function readModelShape(path: string): Promise<ModelShape> {
  const ready = await readReadyOnnx(path);
  if (ready === undefined) return await readModelConfig(path);
  const { signature, maxPositions } = await inspectOnnx(ready);
  const { layers, kvHeads, headDim } = signature;
  const { architecture, eosTokenIds } = ready;
  return { architecture, eosTokenIds, layers, kvHeads, headDim, maxPositions };
}

/**
 * The ready-made graph in a folder, if that is what its model is: where there are safetensors too, a graph of our own is made of those.
 * @param wanted which of several graphs is preferred
 */
export async function readReadyOnnx(path: string, wanted?: Quantization): Promise<OnnxFiles | undefined> {
  if (isGguf(path)) return undefined;
  const names = await readdir(path).catch(() => []);
  return names.some((name) => name.endsWith(".safetensors")) ? undefined : await readOnnxFiles(path, wanted);
}

/** What the model's author recommends for sampling. */
export async function readModelDefaults(path: string): Promise<GenerationDefaults> {
  if (!isGguf(path)) return await readGenerationConfig(path);
  return await withGguf(path, (file) => parseGenerationConfig(generationJson(file)));
}

/** The model's weights under their Hugging Face names. The caller closes them. */
export async function openModelTensors(path: string): Promise<TensorSource> {
  return isGguf(path) ? await openGgufTensors(path) : await openSafetensors(path);
}

/** Tokenizer and chat template of a GGUF file. */
export async function readGgufTokenizer(path: string): Promise<TokenizerFiles> {
  return await withGguf(path, (file) => ggufTokenizerFiles(file.metadata, file.name));
}

/** Looks at a GGUF file without reading its weights: its shape, how many weights it has, and that its tokenizer is of a known kind. */
export async function inspectGguf(path: string): Promise<{ config: ModelConfig; parameters: number }> {
  return await withGguf(path, async (file) => {
    const config = parseConfig(await configJson(file));
    refusePooling(file);
    checkGgufTokenizer(file.metadata, file.name);
    const parameters = [...file.tensors.values()].reduce((sum, tensor) => sum + tensor.elements, 0);
    return { config, parameters };
  });
}

async function withGguf<T>(path: string, use: (file: GgufFile) => T | Promise<T>): Promise<T> {
  await using file = await openGguf(path);
  return await use(file);
}

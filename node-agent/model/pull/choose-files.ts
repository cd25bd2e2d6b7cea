import { PorchlightError } from "../../../shared/errors.ts";
import { findOnnx, type OnnxChoice, onnxChoices } from "./choose-onnx.ts";
import type { HubFile, HubRepository } from "./hub.ts";

/** What a model needs beside its weights. Nothing else is downloaded: no pickles, no code. */
const COMPANIONS = new Set([
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  // Of models for embeddings.
  "modules.json",
  "sentence_bert_config.json",
  "config_sentence_transformers.json",
]);
/** How a model for embeddings makes one vector of a text. */
const POOLING = /^\d_Pooling\/config\.json$/;
const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;
const GGUF = /^(?:[\w.-]+\/)*[A-Za-z0-9_][\w.-]*\.gguf$/i;
/** Projectors of image models and parts of split files are no models by themselves. */
const NO_MODEL = /mmproj|-\d{5}-of-\d{5}\.gguf$/i;
const QUANTIZATION = /(?:^|[-._/])((?:I?Q\d\w*|BF16|F16|F32))\.gguf$/i;
/** The usual compromise of size and quality: what is taken when nobody chose. */
const PREFERRED = "Q4_K_M";

/**
 * The files of a repository that make up the model: safetensors with their companions, one .gguf file, or a ready-made ONNX graph with
 * its companions. `wanted` is a file's path, a quantisation, or a folder of onnxruntime-genai. Throws `model_not_found` with the choices there are.
 */
export function chooseFiles(repository: HubRepository, wanted: string | undefined): ChosenFiles {
  const graphs = onnxChoices(repository.files);
  const graph = wanted === undefined ? undefined : findOnnx(graphs, wanted);
  if (graph !== undefined) return withGraph(repository, graph);
  if (wanted !== undefined) return { files: [wantedGguf(repository, wanted, graphs)], prefix: "" };
  const weights = safetensors(repository.files);
  if (weights.length > 0) return { files: [...companions(repository), ...weights], prefix: "" };
  const gguf = preferredGguf(repository);
  if (gguf !== undefined) return { files: [gguf], prefix: "" };
  const [first] = graphs;
  if (first !== undefined) return withGraph(repository, first);
  throw new PorchlightError("model_not_found", `${repository.repo} holds no model in safetensors, GGUF or ONNX.`);
}

/** Files of a repository, and what is taken off the beginning of their names. */
export interface ChosenFiles {
  files: HubFile[];
  prefix: string;
}

function companions({ files }: HubRepository, prefix = ""): HubFile[] {
  const isCompanion = (name: string): boolean => COMPANIONS.has(name) || POOLING.test(name);
  return files.filter(({ path }) => path.startsWith(prefix) && isCompanion(path.slice(prefix.length)));
}

function withGraph(repository: HubRepository, { files, prefix }: OnnxChoice): ChosenFiles {
  return { files: [...companions(repository, prefix), ...files], prefix };
}

/** The GGUF file that is taken when nobody chose; undefined if there is none. Throws where that is not clear. */
function preferredGguf(repository: HubRepository): HubFile | undefined {
  const ggufs = ggufFiles(repository.files);
  const [only] = ggufs;
  if (ggufs.length < 2) return only;
  const preferred = ggufs.find(({ path }) => quantizationOf(path) === PREFERRED);
  if (preferred === undefined) throw unclear(repository.repo, ggufs);
  return preferred;
}

/** The quantisation that a GGUF file's name ends with, in capitals. */
export function quantizationOf(path: string): string | undefined {
  return QUANTIZATION.exec(path)?.[1]?.toUpperCase();
}

function safetensors(files: readonly HubFile[]): HubFile[] {
  const single = files.find(({ path }) => path === SINGLE);
  if (single) return [single];
  const shards = files.filter(({ path }) => path === INDEX || SHARD.test(path));
  return shards.length > 1 ? shards : [];
}

function ggufFiles(files: readonly HubFile[]): HubFile[] {
  return files.filter(({ path }) => GGUF.test(path) && !NO_MODEL.test(path));
}

function wantedGguf({ repo, files }: HubRepository, wanted: string, graphs: readonly OnnxChoice[]): HubFile {
  const ggufs = ggufFiles(files);
  const exact = ggufs.find(({ path }) => path === wanted);
  if (exact) return exact;
  const matching = ggufs.filter(({ path }) => quantizationOf(path) === wanted.toUpperCase());
  const [only] = matching;
  if (only && matching.length === 1) return only;
  if (matching.length > 1) throw unclear(repo, matching);
  const isThere = files.some(({ path }) => path === wanted);
  const why = isThere ? `${wanted} is no file that can be pulled by itself` : `there is no "${wanted.slice(0, 120)}"`;
  throw new PorchlightError("model_not_found", `In ${repo}, ${why}. ${choices(ggufs, graphs)}`);
}

function unclear(repo: string, ggufs: readonly HubFile[]): PorchlightError {
  return new PorchlightError("model_not_found", `${repo} holds several models. ${choices(ggufs)}`);
}

function choices(ggufs: readonly HubFile[], graphs: readonly OnnxChoice[] = []): string {
  if (ggufs.length === 0 && graphs.length === 0) return "Its safetensors are pulled without naming a file.";
  const names = ggufs.map(({ path }) => path);
  const quantizations = names.map((path) => quantizationOf(path) ?? path);
  const shown = [...(new Set(quantizations).size === names.length ? quantizations : names)];
  shown.push(...graphs.map(({ name }) => name));
  return `There are: ${shown.slice(0, 40).join(", ")}. Add one behind a colon.`;
}

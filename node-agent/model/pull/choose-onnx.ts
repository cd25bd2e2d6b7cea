import { GENAI_CONFIG, ONNX_VARIANTS, onnxVariant } from "../onnx/files.ts";
import type { HubFile } from "./hub.ts";

/** A ready-made graph in a repository: its files, and what a user calls it. */
export interface OnnxChoice {
  /** `q4`, or the name of its folder. */
  name: string;
  /** What its files' names begin with here, and no longer in the model's folder. */
  prefix: string;
  /** Without the companions that any model has. */
  files: HubFile[];
}

/** A plain `model.onnx` has no name of its own. */
const PLAIN = "fp32";
const DATA = /\.onnx(?:[._]data(?:_\d{1,4})?)?$/u;

/**
 * Graphs of a repository that can be pulled by themselves, the best first: those of onnxruntime-genai, each in a folder with its
 * genai_config.json, and those of onnx-community's kind, `model_q4.onnx` and its like.
 */
export function onnxChoices(files: readonly HubFile[]): OnnxChoice[] {
  return [...genaiFolders(files), ...variants(files)];
}

/** The one that a user names: by its name, its file's path, or its folder's path. */
export function findOnnx(choices: readonly OnnxChoice[], wanted: string): OnnxChoice | undefined {
  return choices.find(
    ({ name, prefix, files }) =>
      name.toLowerCase() === wanted.toLowerCase() ||
      prefix === `${wanted.replace(/\/$/u, "")}/` ||
      files.some(({ path }) => path === wanted && path.endsWith(".onnx")),
  );
}

function genaiFolders(files: readonly HubFile[]): OnnxChoice[] {
  const configs = files.filter(({ path }) => path === GENAI_CONFIG || path.endsWith(`/${GENAI_CONFIG}`));
  const choices = configs.map(({ path }) => {
    const prefix = path.slice(0, -GENAI_CONFIG.length);
    const inside = files.filter(
      (file) => file.path.startsWith(prefix) && !file.path.slice(prefix.length).includes("/"),
    );
    return {
      name: prefix.split("/").at(-2) ?? "genai",
      prefix,
      files: inside.filter((file) => file.path === path || DATA.test(file.path)),
    };
  });
  // Graphs for other devices name operators that the CPU lacks.
  return choices.toSorted((a, b) => Number(b.prefix.includes("cpu")) - Number(a.prefix.includes("cpu")));
}

function variants(files: readonly HubFile[]): OnnxChoice[] {
  const place = files.some(
    ({ path }) => onnxVariant(path.replace(/^onnx\//u, "")) !== undefined && path.startsWith("onnx/"),
  )
    ? "onnx/"
    : "";
  return ONNX_VARIANTS.flatMap((variant) => {
    const graph = files.find(({ path }) => path.startsWith(place) && onnxVariant(path.slice(place.length)) === variant);
    if (graph === undefined) return [];
    const data = files.filter(({ path }) => path.startsWith(graph.path) && path !== graph.path && DATA.test(path));
    return [{ name: variant === "" ? PLAIN : variant, prefix: "", files: [graph, ...data] }];
  });
}

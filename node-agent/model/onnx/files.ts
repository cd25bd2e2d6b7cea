import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { Quantization } from "../../../shared/inference/model.ts";
import { readJson } from "../json-file.ts";
import { modelError } from "../model-error.ts";
import { tokenIdsSchema } from "../raw-config.ts";

/** Inputs and outputs of a decoder's graph by what they are; `%d` in a name stands for the layer. */
export interface OnnxNames {
  tokens: string;
  mask: string;
  positions: string;
  logits: string;
  pastKey: string;
  pastValue: string;
  presentKey: string;
  presentValue: string;
}

/** The name of a layer's input or output. */
export const layerName = (pattern: string, layer: number): string => pattern.replace("%d", String(layer));

/** A ready-made decoder as ONNX: where its graph is, and what its configuration says. */
export interface OnnxFiles {
  graphPath: string;
  names: OnnxNames;
  /** config.json's name of the architecture, or genai_config.json's of the model's type. */
  architecture: string;
  vocabSize: number;
  /** Positions the model was trained for. */
  maxPositions: number;
  eosTokenIds: readonly number[];
}

export const GENAI_CONFIG = "genai_config.json";

/** The order in which one of several files is taken: 4 bits first, as with the other formats; smaller types before larger ones. */
export const ONNX_VARIANTS = ["q4", "q4f16", "int8", "quantized", "uint8", "bnb4", "fp16", ""] as const;
export type OnnxVariant = (typeof ONNX_VARIANTS)[number];

/** How a file's weights are held, by its name. */
export const ONNX_HELD: Readonly<Record<OnnxVariant, Quantization>> = {
  q4: "int4",
  q4f16: "int4",
  bnb4: "int4",
  int8: "int8",
  quantized: "int8",
  uint8: "int8",
  fp16: "fp32",
  "": "fp32",
};

/** What onnx-community's files say in their names behind `model_`; "" for a plain `model.onnx`. Undefined for another file. */
export function onnxVariant(name: string): string | undefined {
  return /^model(?:_([a-z0-9]{1,16}))?\.onnx$/u.exec(name)?.slice(1)[0] ?? (name === "model.onnx" ? "" : undefined);
}

const NAMES: OnnxNames = {
  tokens: "input_ids",
  mask: "attention_mask",
  positions: "position_ids",
  logits: "logits",
  pastKey: "past_key_values.%d.key",
  pastValue: "past_key_values.%d.value",
  presentKey: "present.%d.key",
  presentValue: "present.%d.value",
};

/** No home machine has the memory for the cache of a longer context. */
const LONGEST_CONTEXT = 131_072;

const count = z.number().int().positive();
const hubSchema = z.object({
  architectures: z.array(z.string().max(64)).max(16).optional(),
  model_type: z.string().max(64).optional(),
  vocab_size: count.max(1 << 24),
  max_position_embeddings: count.default(2048),
  eos_token_id: tokenIdsSchema.nullish(),
});

const name = z.string().min(1).max(200);
const genaiSchema = z.object({
  model: z.object({
    type: z.string().max(64),
    context_length: count,
    vocab_size: count.max(1 << 24),
    eos_token_id: tokenIdsSchema.nullish(),
    decoder: z.object({
      /** A file of the folder, and of no other. */
      filename: z
        .string()
        .max(255)
        .regex(/^[^/\\:\0]+\.onnx$/u, "is no ONNX file of this folder"),
      inputs: z
        .looseObject({
          input_ids: name.optional(),
          attention_mask: name.optional(),
          position_ids: name.optional(),
          past_key_names: name.optional(),
          past_value_names: name.optional(),
        })
        .default({}),
      outputs: z
        .looseObject({
          logits: name.optional(),
          present_key_names: name.optional(),
          present_value_names: name.optional(),
        })
        .default({}),
    }),
  }),
});

/**
 * What a folder holds of a decoder as ONNX: in the layout of onnxruntime-genai, or of onnx-community (`onnx/model_q4.onnx` and its like).
 * Undefined if there is none. Throws `model_load_failed` for a configuration that cannot be used.
 * @param wanted which of several graphs is preferred
 */
export async function readOnnxFiles(folder: string, wanted?: Quantization): Promise<OnnxFiles | undefined> {
  const genai = await readJson(join(folder, GENAI_CONFIG));
  if (genai !== undefined) return fromGenai(folder, genai);
  const graphPath = await findGraph(folder, wanted);
  return graphPath === undefined ? undefined : await fromHub(folder, graphPath);
}

/** The file of a folder that holds the graph: in `onnx/`, or else beside the configuration. */
async function findGraph(folder: string, wanted: Quantization | undefined): Promise<string | undefined> {
  for (const place of [join(folder, "onnx"), folder]) {
    const names = await readdir(place).catch(() => []);
    const variants = new Map(names.map((file) => [onnxVariant(file), file]));
    const order = ONNX_VARIANTS.toSorted((a, b) => Number(ONNX_HELD[b] === wanted) - Number(ONNX_HELD[a] === wanted));
    const chosen = order.map((variant) => variants.get(variant)).find((file) => file !== undefined);
    if (chosen !== undefined) return join(place, chosen);
  }
  return undefined;
}

async function fromHub(folder: string, graphPath: string): Promise<OnnxFiles> {
  const json = await readJson(join(folder, "config.json"));
  if (json === undefined) throw modelError(`${folder} holds no config.json: is it a model folder?`);
  const config = parse(hubSchema, json, "config.json");
  return {
    graphPath,
    names: NAMES,
    architecture: config.architectures?.[0] ?? config.model_type ?? basename(graphPath),
    vocabSize: config.vocab_size,
    maxPositions: Math.min(LONGEST_CONTEXT, config.max_position_embeddings),
    eosTokenIds: config.eos_token_id ?? [],
  };
}

function fromGenai(folder: string, json: unknown): OnnxFiles {
  const { model } = parse(genaiSchema, json, GENAI_CONFIG);
  const { inputs, outputs, filename } = model.decoder;
  return {
    graphPath: join(folder, filename),
    names: {
      tokens: inputs.input_ids ?? NAMES.tokens,
      mask: inputs.attention_mask ?? NAMES.mask,
      positions: inputs.position_ids ?? NAMES.positions,
      logits: outputs.logits ?? NAMES.logits,
      pastKey: inputs.past_key_names ?? NAMES.pastKey,
      pastValue: inputs.past_value_names ?? NAMES.pastValue,
      presentKey: outputs.present_key_names ?? NAMES.presentKey,
      presentValue: outputs.present_value_names ?? NAMES.presentValue,
    },
    architecture: model.type,
    vocabSize: model.vocab_size,
    maxPositions: Math.min(LONGEST_CONTEXT, model.context_length),
    eosTokenIds: model.eos_token_id ?? [],
  };
}

function parse<T extends z.ZodType>(schema: T, json: unknown, file: string): z.infer<T> {
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw modelError(`${file}: ${z.prettifyError(parsed.error)}`, parsed.error);
  return parsed.data;
}

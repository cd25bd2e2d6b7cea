import { join } from "node:path";
import { z } from "zod";
import { readJson } from "../json-file.ts";
import { modelError } from "../model-error.ts";
import type { Pooling } from "./pooling.ts";

/** What the files of sentence-transformers say about a model; absent files say nothing. */
export interface SentenceConfig {
  pooling: Pooling | undefined;
  /** Tokens of one text. */
  maxTokens: number | undefined;
  prompts: { query: string; document: string; default: string };
}

const modulesSchema = z.array(z.looseObject({ path: z.string().max(256), type: z.string().max(256) })).max(16);

const flag = z.boolean().default(false);
const poolingSchema = z.looseObject({
  pooling_mode: z.union([z.string(), z.array(z.string()).length(1)]).optional(),
  pooling_mode_cls_token: flag,
  pooling_mode_mean_tokens: flag,
  pooling_mode_max_tokens: flag,
  pooling_mode_lasttoken: flag,
  include_prompt: z.literal(true, { error: "pooling without the prompt is not supported" }).default(true),
});

const lengthSchema = z.looseObject({ max_seq_length: z.number().int().positive().nullish() });

const prompt = z.string().max(16_384);
const promptsSchema = z.looseObject({
  prompts: z.record(z.string(), prompt.nullable()).nullish(),
  default_prompt_name: z.string().nullish(),
});

/** The names that models give their prompts for the two purposes. */
const PROMPT_NAMES = {
  query: ["query", "search_query", "retrieval.query", "s2p_query"],
  document: ["document", "passage", "search_document", "retrieval.passage", "corpus"],
} as const;

/** A normalising module changes nothing: every vector has length 1 here. */
const MODULES = /\.(Transformer|Pooling|Normalize)$/;
/** Where the pooling is without a list of modules. */
const POOLING_FOLDER = "1_Pooling";

/** Whether a folder says of itself that it is a model for embeddings. */
export async function isSentenceModel(folder: string): Promise<boolean> {
  return (await readJson(join(folder, "modules.json"))) !== undefined;
}

/** Reads the folder's modules.json and what it names. Throws `model_load_failed` for what is not supported. */
export async function readSentenceConfig(folder: string): Promise<SentenceConfig> {
  const modules = await readAs(folder, "modules.json", modulesSchema);
  const unknown = modules?.find(({ type }) => !MODULES.test(type));
  if (unknown !== undefined) {
    throw modelError(
      `${folder}: modules.json has a ${unknown.type}, which is not supported. Supported are Transformer, Pooling and Normalize.`,
    );
  }
  // One plain folder name: what a list from elsewhere names must not lead out of the model's own.
  const named = modules?.find(({ type }) => type.endsWith(".Pooling"))?.path ?? POOLING_FOLDER;
  if (!/^[A-Za-z0-9_-]+$/.test(named))
    throw modelError(`${folder}: modules.json names the folder ${JSON.stringify(named)}.`);
  const [pooling, length, prompts] = await Promise.all([
    readAs(folder, join(named, "config.json"), poolingSchema),
    readAs(folder, "sentence_bert_config.json", lengthSchema),
    readAs(folder, "config_sentence_transformers.json", promptsSchema),
  ]);
  return {
    pooling: pooling === undefined ? undefined : poolingOf(folder, pooling),
    maxTokens: length?.max_seq_length ?? undefined,
    prompts: promptsOf(prompts),
  };
}

const MODES = { cls: "cls", mean: "mean", max: "max", lasttoken: "last" } as const satisfies Record<string, Pooling>;

function poolingOf(folder: string, raw: z.infer<typeof poolingSchema>): Pooling {
  const on = raw.pooling_mode ?? Object.keys(raw).filter((key) => key.startsWith("pooling_mode_") && raw[key] === true);
  const names = [on].flat().map((name) => name.replace(/^pooling_mode_/, "").replace(/_tokens?$/, ""));
  const [name = "none"] = names;
  if (names.length === 1 && isMode(name)) return MODES[name];
  throw modelError(
    `${folder}: pooling by ${names.join(" and ") || "nothing"} is not supported. Supported are: ${Object.keys(MODES).join(", ")}.`,
  );
}

function isMode(name: string): name is keyof typeof MODES {
  return Object.hasOwn(MODES, name);
}

function promptsOf(raw: z.infer<typeof promptsSchema> | undefined): SentenceConfig["prompts"] {
  const all = new Map(Object.entries(raw?.prompts ?? {}));
  const fallback = all.get(raw?.default_prompt_name ?? "") ?? "";
  const named = (names: readonly string[]) =>
    names.map((name) => all.get(name)).find((text) => text != null) ?? fallback;
  return { query: named(PROMPT_NAMES.query), document: named(PROMPT_NAMES.document), default: fallback };
}

async function readAs<Schema extends z.ZodType>(
  folder: string,
  file: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const json = await readJson(join(folder, file));
  if (json === undefined) return undefined;
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw modelError(`${join(folder, file)}: ${z.prettifyError(parsed.error)}`, parsed.error);
  return parsed.data;
}

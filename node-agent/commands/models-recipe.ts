import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { quantizationSchema } from "../../shared/inference/model.ts";
import { BLOCKS, type Recipe, recipeSchema } from "../model/quantization/recipe.ts";
import { oneOf } from "./flag-values.ts";
import type { ModelsFlags } from "./models.ts";
import { readText } from "./models-work.ts";

/** The recipe of a file, with what the flags say in its place. Throws `bad_usage` or `invalid_request`. */
export async function readRecipe(flags: ModelsFlags): Promise<Recipe> {
  const precision = (flag: "weights" | "embedding" | "output-layer") =>
    oneOf(flag, flags[flag], quantizationSchema.options);
  const block = oneOf("block", flags.block, BLOCKS.map(String));
  const given = {
    weights: precision("weights"),
    block: block === undefined ? undefined : Number(block),
    embedding: precision("embedding"),
    output_layer: precision("output-layer"),
  };
  const file = flags.recipe === undefined ? {} : await readRecipeFile(flags.recipe);
  const parsed = recipeSchema.safeParse({
    ...file,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  });
  if (parsed.success) return parsed.data;
  throw new PorchlightError("invalid_request", `The recipe ${flags.recipe ?? ""}: ${z.prettifyError(parsed.error)}`);
}

async function readRecipeFile(path: string): Promise<object> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(await readText(path)));
  } catch (cause) {
    if (cause instanceof PorchlightError) throw cause;
    throw new PorchlightError("invalid_request", `${path} is not a JSON object.`, { cause });
  }
}

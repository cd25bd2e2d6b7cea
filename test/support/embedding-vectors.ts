import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** Models with random weights and what transformers makes of texts with them: see embedding-reference.py. */
export const REFERENCE_MODELS = ["bert-mean", "bert-cls", "xlm-roberta", "mpnet", "distilbert", "qwen3"] as const;
export type ReferenceModel = (typeof REFERENCE_MODELS)[number];

const expectedSchema = z.array(z.object({ text: z.string(), ids: z.array(z.number()), vector: z.array(z.number()) }));

export function referenceFolder(model: ReferenceModel): string {
  return fileURLToPath(new URL(`../vectors/embedding/${model}`, import.meta.url));
}

export async function readExpected(model: ReferenceModel): Promise<z.infer<typeof expectedSchema>> {
  return expectedSchema.parse(JSON.parse(await readFile(`${referenceFolder(model)}/expected.json`, "utf8")));
}

/** Largest difference of any two components. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] ?? 0))));
}

/** Cosine of two vectors of length 1. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a, (value, i) => value * (b[i] ?? 0)).reduce((sum, product) => sum + product, 0);
}

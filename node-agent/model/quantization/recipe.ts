import { z } from "zod";
import { kernelBlock, int4Block } from "../int-formats.ts";
import type { IntFormat } from "../tensor-source.ts";

export const BLOCKS = [32, 64, 128] as const;

const precisionSchema = z.enum(["fp32", "int8", "int4"]);
const blockSchema = z.literal(BLOCKS);

/** What a model is quantised to. Every field has a default: 4-bit layers, embedding and output in 8 bits. */
export const recipeSchema = z.strictObject({
  /** The matrices of the layers. */
  weights: precisionSchema.default("int4"),
  /** Weights per scale in 4 bits; by default by the length of the row. */
  block: blockSchema.optional(),
  embedding: precisionSchema.default("int8"),
  output_layer: precisionSchema.default("int8"),
  /** Matrices with a precision of their own; the first that matches decides. */
  tensors: z
    .array(
      z.strictObject({
        /** A tensor's name, in which `*` stands for any characters. */
        match: z.string().min(1).max(256),
        weights: precisionSchema,
        block: blockSchema.optional(),
      }),
    )
    .max(256)
    .default([]),
});
export type Recipe = z.infer<typeof recipeSchema>;

/** What a tensor is to the model. */
export type Role = "layer" | "embedding" | "output" | "other";

/** Role of a tensor by its name in a Hugging Face file and its shape. Vectors, and what routes between experts, stay as they are. */
export function roleOf(name: string, shape: readonly number[]): Role {
  if (shape.length !== 2 || !name.endsWith(".weight")) return "other";
  if (name.endsWith("model.embed_tokens.weight")) return "embedding";
  if (/(?:^|\.)lm_head\.weight$/.test(name)) return "output";
  return name.includes("model.layers.") && !/norm|\.mlp\.gate\.weight$/.test(name) ? "layer" : "other";
}

/** The format that a recipe gives a matrix; undefined for real numbers. */
export function formatIn(recipe: Recipe, role: Role, name: string, columns: number): IntFormat | undefined {
  if (role === "other") return undefined;
  const own = recipe.tensors.find(({ match }) => matches(match, name));
  const precision =
    own?.weights ?? { layer: recipe.weights, embedding: recipe.embedding, output: recipe.output_layer }[role];
  if (precision === "fp32") return undefined;
  const wanted = own?.block ?? recipe.block ?? (role === "embedding" ? EMBEDDING_BLOCK : int4Block(columns));
  const block = precision === "int4" ? kernelBlock(columns, wanted) : undefined;
  // A row that no block divides takes 8 bits with one scale.
  return block === undefined ? { bits: 8, block: columns } : { bits: 4, block };
}

/** Rows of an embedding are looked up, not multiplied: finer scales cost no time. */
const EMBEDDING_BLOCK = 32;

/** Whether a name is one of those that a pattern stands for. Linear in both, whatever the pattern. */
export function matches(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return name === pattern;
  const last = rest.pop() ?? "";
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}

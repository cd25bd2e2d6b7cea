import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIn, matches, recipeSchema, roleOf } from "../../../../node-agent/model/quantization/recipe.ts";

test("a pattern matches what the regular expression would", () => {
  const letters = (alphabet: string, maxLength: number) =>
    fc.string({ unit: fc.constantFrom(...alphabet.split("")), maxLength });
  fc.assert(
    fc.property(letters("ab.*", 8), letters("ab.", 12), (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`, "u");
      expect(matches(pattern, name)).toBe(expression.test(name));
    }),
    { numRuns: 2000 },
  );
});

test("a hostile pattern takes no longer than any other", () => {
  expect(matches("*a".repeat(128), "a".repeat(100_000))).toBe(true);
  expect(matches(`${"*a".repeat(127)}*b`, "a".repeat(100_000))).toBe(false);
});

describe("formats", () => {
  const recipe = recipeSchema.parse({
    block: 128,
    embedding: "int4",
    output_layer: "fp32",
    tensors: [
      { match: "*.down_proj.weight", weights: "int8" },
      { match: "model.layers.0.*", weights: "int4", block: 32 },
    ],
  });
  const format = (name: string, shape: number[]) => formatIn(recipe, roleOf(name, shape), name, shape[1] ?? 0);

  test.each([
    ["model.layers.1.mlp.up_proj.weight", [704, 256], { bits: 4, block: 128 }],
    ["model.layers.1.mlp.up_proj.weight", [704, 192], { bits: 4, block: 64 }],
    ["model.layers.1.mlp.up_proj.weight", [704, 90], { bits: 8, block: 90 }],
    ["model.layers.0.mlp.up_proj.weight", [704, 256], { bits: 4, block: 32 }],
    ["model.layers.0.mlp.down_proj.weight", [256, 704], { bits: 8, block: 704 }],
    ["model.embed_tokens.weight", [4096, 256], { bits: 4, block: 128 }],
    ["lm_head.weight", [4096, 256], undefined],
    ["model.layers.1.input_layernorm.weight", [256], undefined],
    ["model.layers.1.mlp.gate.weight", [8, 256], undefined],
    ["vision_tower.layers.1.fc1.weight", [256, 256], undefined],
  ] as const)("%s %j", (name, shape, expected) => {
    expect(format(name, [...shape])).toEqual(expected);
  });

  test.each([
    { weights: "int3" },
    { block: 48 },
    { unknown: 1 },
    { tensors: [{ match: "", weights: "int4" }] },
    { tensors: [{ match: "*".repeat(257), weights: "int4" }] },
    { tensors: Array.from({ length: 257 }, () => ({ match: "*", weights: "int4" })) },
    "int4",
  ])("is refused: %j", (hostile) => {
    expect(recipeSchema.safeParse(hostile).success).toBe(false);
  });
});

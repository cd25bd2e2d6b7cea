import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfig, readConfig } from "../../../node-agent/model/config.ts";
import { parseGenerationConfig, readGenerationConfig } from "../../../node-agent/model/generation-config.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { readStarterJson, STARTER } from "../../support/engine-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const starter = await readStarterJson("config.json");
const loadFailed = expect.objectContaining({ name: "PorchlightError", code: "model_load_failed" });

test("reads the starter's", async () => {
  expect(await readConfig(STARTER)).toEqual({
    architecture: "LlamaForCausalLM",
    vocabSize: 4096,
    hiddenSize: 256,
    ffnSize: 704,
    layers: 6,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    maxPositions: 1024,
    normEpsilon: 1e-5,
    tiedEmbeddings: true,
    eosTokenIds: [4091],
    ropes: [
      {
        theta: 10_000,
        rotaryDim: 64,
        scaling: { type: "default" },
        originalPositions: 1024,
        trainedPositions: 1024,
        maxPositions: 1024,
      },
    ],
    attention: Array.from({ length: 6 }, () => ({ rope: 0, window: undefined })),
    activation: "silu",
    attentionScale: 1 / 8,
    attentionSoftcap: undefined,
    logitSoftcap: undefined,
    embeddingScale: 1,
    gainOffset: 0,
    qkNorm: false,
    postNorms: false,
    biases: { qkv: false, output: false, mlp: false },
    tensorPrefix: "",
    fusedProjections: false,
  });
});

test("fills in what older configurations leave out", () => {
  const { head_dim: _, num_key_value_heads: __, rope_theta: ___, ...older } = starter;
  expect(parseConfig(older)).toMatchObject({ headDim: 64, kvHeads: 4, ropes: [{ theta: 10_000 }] });
});

test("reads rope_theta where newer configurations keep it", () => {
  const { rope_theta: _, ...rest } = starter;
  const newer = { ...rest, rope_parameters: { rope_type: "default", rope_theta: 500_000 } };
  expect(parseConfig(newer).ropes).toMatchObject([{ theta: 500_000 }]);
});

describe("refuses, and says what", () => {
  test.each([
    [
      "an unknown architecture",
      { architectures: ["MambaForCausalLM"] },
      /MambaForCausalLM is not.*LlamaForCausalLM.*Qwen3ForCausalLM.*Gemma3ForCausalLM/,
    ],
    ["a model without its text part", { architectures: ["Gemma3ForConditionalGeneration"] }, /no text_config/],
    ["no architecture", { architectures: [] }, /which architecture/],
    ["scaled rope of another kind", { rope_scaling: { rope_type: "warp" } }, /rope scaling.*"warp".*llama3/],
    ["that kind by its older name", { rope_scaling: { type: "warp" } }, /rope scaling.*"warp"/],
    ["that kind in rope_parameters", { rope_parameters: { rope_type: "warp" } }, /rope scaling.*"warp"/],
    ["scaled rope without its factor", { rope_scaling: { rope_type: "linear" } }, /rope scaling[^]*factor/],
    ["Llama 3's without its bounds", { rope_scaling: { rope_type: "llama3", factor: 8 } }, /low_freq_factor/],
    ["another activation", { hidden_act: "gelu" }, /silu/],
    ["layers of an unknown kind", { layer_types: Array(6).fill("linear_attention") }, /full_attention/],
    ["more layer kinds than layers", { layer_types: ["full_attention"] }, /layer_types lists 1 layers of 6/],
    ["attention to both sides", { use_bidirectional_attention: true }, /bidirectional/],
    ["a vocabulary of a billion", { vocab_size: 1e9 }, /vocab_size/],
    ["no layers", { num_hidden_layers: 0 }, /num_hidden_layers/],
    ["a size that is text", { hidden_size: "256" }, /hidden_size/],
    ["heads that do not divide", { num_key_value_heads: 3 }, /cannot share/],
    ["an odd head size", { head_dim: 63 }, /head size/],
    ["a head size that is a fraction", { head_dim: null, num_attention_heads: 6, num_key_value_heads: 6 }, /head size/],
    ["a negative epsilon", { rms_norm_eps: -1 }, /rms_norm_eps/],
  ])("%s", (_, change, message) => {
    const parsed = () => parseConfig({ ...starter, ...change });
    expect(parsed).toThrow(loadFailed);
    expect(parsed).toThrow(message);
  });

  test("files that are missing, no JSON or far too long", async () => {
    await using folder = await temporaryFolder();
    await expect(readConfig(folder.path)).rejects.toThrow(/holds no config.json/);
    expect(await readGenerationConfig(folder.path)).toEqual({});
    for (const text of ["", "{", "[".repeat(100_000), `{"a": "${"x".repeat(2 ** 21)}"}`]) {
      await writeFile(join(folder.path, "config.json"), text);
      await expect(readConfig(folder.path)).rejects.toEqual(loadFailed);
    }
  });

  test("whatever the JSON, there is a result or a named error", () => {
    const fields = fc.constantFrom(...Object.keys(starter));
    const value = fc.oneof(fc.jsonValue(), fc.double(), fc.maxSafeInteger());
    fc.assert(
      fc.property(fc.dictionary(fields, value), fc.jsonValue(), (change, other) => {
        for (const json of [{ ...starter, ...change }, other]) {
          try {
            expect(parseConfig(json).headDim).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(PorchlightError);
          }
        }
      }),
    );
  });
});

describe("generation defaults", () => {
  test("of the starter", async () => {
    expect(await readGenerationConfig(STARTER)).toEqual({ eosTokenIds: [4091, 4089], temperature: 0, maxTokens: 256 });
  });

  test("of a model that samples", () => {
    const found = parseGenerationConfig({
      do_sample: true,
      temperature: 0.6,
      top_k: 20,
      top_p: 0.95,
      min_p: 0.1,
      repetition_penalty: 1.05,
      eos_token_id: 7,
    });
    const rest = { temperature: 0.6, topK: 20, topP: 0.95, minP: 0.1, repetitionPenalty: 1.05 };
    expect(found).toEqual({ ...rest, eosTokenIds: [7] });
  });

  test("nonsense is refused", () => {
    for (const json of [[], 1, null, { top_k: "many" }, { temperature: -1 }, { eos_token_id: [-1] }]) {
      expect(() => parseGenerationConfig(json)).toThrow(loadFailed);
    }
  });
});

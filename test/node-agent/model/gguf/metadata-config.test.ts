import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { configJson } from "../../../../node-agent/model/gguf/metadata-config.ts";
import { openGguf } from "../../../../node-agent/model/gguf/reader.ts";
import { expertNames, huggingFaceName } from "../../../../node-agent/model/gguf/tensor-names.ts";
import { readModelConfig, readModelDefaults } from "../../../../node-agent/model/model-files.ts";
import { mutated, readsOrRefuses, readWholeModel } from "../../../support/gguf-mutations.ts";
import { tinyGguf } from "../../../support/gguf-tiny-llama.ts";
import {
  encodeGguf,
  type GgufTensorToWrite,
  type GgufToWrite,
  type ValueToWrite,
} from "../../../support/gguf-writer.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const loadFailed = expect.objectContaining({ name: "PorchlightError", code: "model_load_failed" });

/** Writes a file and hands its path on. */
async function using<T>(content: GgufToWrite, use: (path: string) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "tiny.gguf");
  await writeFile(path, encodeGguf(content));
  return await use(path);
}

async function jsonOf(content: GgufToWrite): Promise<Record<string, unknown>> {
  return await using(content, async (path) => {
    await using file = await openGguf(path);
    return await configJson(file);
  });
}

describe("metadata say what config.json would", () => {
  test("of a Llama with tied embeddings", async () => {
    expect(await jsonOf(tinyGguf())).toEqual({
      architectures: ["LlamaForCausalLM"],
      vocab_size: 6,
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 16,
      max_position_embeddings: 64,
      rms_norm_eps: 1e-5,
      rope_theta: 500_000,
      rope_scaling: null,
      attention_bias: false,
      mlp_bias: false,
      tie_word_embeddings: true,
      eos_token_id: [5],
    });
  });

  test("of a Qwen3, an output matrix of its own, a stretched context, recommendations", async () => {
    const tiny = tinyGguf({
      "general.architecture": { text: "qwen3" },
      "qwen3.block_count": { u32: 1 },
      "qwen3.context_length": { u32: 256 },
      "qwen3.embedding_length": { u32: 32 },
      "qwen3.feed_forward_length": { u32: 64 },
      "qwen3.attention.head_count": { u32: 2 },
      "qwen3.attention.key_length": { u32: 128 },
      "qwen3.attention.layer_norm_rms_epsilon": { f32: 1e-6 },
      "qwen3.rope.scaling.type": { text: "yarn" },
      "qwen3.rope.scaling.factor": { f32: 4 },
      "qwen3.rope.scaling.original_context_length": { u32: 64 },
      "tokenizer.ggml.eot_token_id": { u32: 5 },
      "tokenizer.ggml.eom_token_id": { u32: 4 },
      "general.sampling.temp": { f32: 0.5 },
      "general.sampling.top_k": { i32: 20 },
    });
    const output = { name: "output.weight", type: "F32", shape: [6, 32], data: new Uint8Array(768) } as const;
    const content = { ...tiny, tensors: [...(tiny.tensors ?? []), output] };
    expect(await jsonOf(content)).toMatchObject({
      architectures: ["Qwen3ForCausalLM"],
      num_key_value_heads: 2,
      head_dim: 128,
      rope_theta: 10_000,
      rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 },
      tie_word_embeddings: false,
      eos_token_id: [5, 4],
    });
    expect(await using(content, readModelDefaults)).toEqual({ temperature: 0.5, topK: 20 });
  });
});

/** The table that llama.cpp's converter writes for Llama 3.1: divisors by wavelength, computed from its definition. */
function llama3Table(factor: number, pairs: number): GgufTensorToWrite {
  const divisors = Float32Array.from({ length: pairs }, (_, pair) => {
    const wavelength = 2 * Math.PI * 500_000 ** (pair / pairs);
    if (wavelength < 8192 / 4) return 1;
    if (wavelength > 8192) return factor;
    const smooth = (8192 / wavelength - 1) / 3;
    return 1 / ((1 - smooth) / factor + smooth);
  });
  return { name: "rope_freqs.weight", type: "F32", shape: [pairs], data: new Uint8Array(divisors.buffer) };
}

describe("a table of frequencies", () => {
  const withTable = (table: GgufTensorToWrite) => ({ ...tinyGguf(), tensors: [...(tinyGguf().tensors ?? []), table] });

  test.each([8, 32])("is recognised as Llama 3's, stretched by %s", async (factor) => {
    expect((await jsonOf(withTable(llama3Table(factor, 64))))["rope_scaling"]).toEqual({
      rope_type: "llama3",
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    });
  });

  test("of another kind is refused", async () => {
    const data = new Uint8Array(Float32Array.from({ length: 8 }, (_, i) => i + 1).buffer);
    const table = { name: "rope_freqs.weight", type: "F32", shape: [8], data } as const;
    await expect(jsonOf(withTable(table))).rejects.toThrow(/scaled in a way that is not known/);
  });
});

describe("metadata that cannot be used are refused by name", () => {
  test.each([
    ["an unknown architecture", { "general.architecture": { text: "mamba" } }, /"mamba" is not supported in GGUF/],
    ["an architecture that is a number", { "general.architecture": { u32: 1 } }, /does not say which architecture/],
    ["another architecture's keys", { "general.architecture": { text: "qwen2" } }, /block_count/],
    ["heads by layer", { "llama.attention.head_count": { i32s: [2] } }, /head_count/],
    ["no layers", { "llama.block_count": { u32: 0 } }, /block_count/],
    ["a text for a number", { "llama.context_length": { text: "64" } }, /context_length/],
    ["a scaling that is not known", { "llama.rope.scaling.type": { text: "longrope" } }, /rope\.scaling\.type/],
    ["a token that is no number", { "tokenizer.ggml.eos_token_id": { text: "5" } }, /eos_token_id/],
    ["a part of a split model", { "split.count": { u16: 3 } }, /one of 3 parts/],
  ] satisfies [string, Record<string, ValueToWrite>, RegExp][])("%s", async (_, metadata, message) => {
    const content = tinyGguf(metadata);
    await expect(using(content, readModelConfig)).rejects.toEqual(loadFailed);
    await expect(using(content, readModelConfig)).rejects.toThrow(message);
  });

  test("a file without an embedding", async () => {
    await expect(using({ ...tinyGguf(), tensors: [] }, readModelConfig)).rejects.toThrow(/token_embd\.weight/);
  });
});

test.each([
  ["token_embd.weight", "model.embed_tokens.weight"],
  ["blk.12.attn_q.bias", "model.layers.12.self_attn.q_proj.bias"],
  ["blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight"],
  ["blk.0.attn_q", undefined],
  ["blk.x.attn_q.weight", undefined],
  ["rope_freqs.weight", undefined],
  ["constructor.weight", undefined],
])("the tensor %s is %s", (name, expected) => expect(huggingFaceName(name, {})).toBe(expected));

test("names of Phi-3's fused matrices, and of every expert's", () => {
  expect(huggingFaceName("blk.2.ffn_up.weight", { fused: true })).toBe("model.layers.2.mlp.gate_up_proj.weight");
  expect(huggingFaceName("blk.2.attn_qkv.weight", { fused: true })).toBe("model.layers.2.self_attn.qkv_proj.weight");
  expect(huggingFaceName("blk.2.ffn_gate_inp.weight", {})).toBe("model.layers.2.mlp.gate.weight");
  expect(expertNames("blk.2.ffn_down_exps.weight")?.(7)).toBe("model.layers.2.mlp.experts.7.down_proj.weight");
  expect(expertNames("blk.2.ffn_down.weight")).toBeUndefined();
});

test("a damaged model gives a named error or is read whole", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "damaged.gguf");
  const outcomes = { read: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(mutated(encodeGguf(tinyGguf())), async (bytes) => {
      await writeFile(path, bytes);
      outcomes[(await readsOrRefuses(() => readWholeModel(path))) ? "read" : "refused"]++;
    }),
    { numRuns: 200 },
  );
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(0);
});

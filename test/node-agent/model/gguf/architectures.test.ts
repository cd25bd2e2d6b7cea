import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadDecoder } from "../../../../node-agent/model/load.ts";
import { tinyModelGguf } from "../../../support/gguf-tiny.ts";
import { encodeGguf } from "../../../support/gguf-writer.ts";
import { argmax, greedy, largestDifference } from "../../../support/model-starter.ts";
import { slowModel } from "../../../support/model-slow.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { TINY_MODELS, writeTinyModel } from "../../../support/model-tiny.ts";

const PROMPT = [3, 99, 17, 0, 42, 42, 7, 64, 8, 1, 77];
const STEPS = 32;
/** GGUF has no keys for what all files of an architecture share. Of seven layers, the sixth of a Gemma 3 is a global one. */
const SHARED: Readonly<Record<string, object>> = {
  SmolLM3: { no_rope_layers: [1, 1, 1, 0, 1], num_hidden_layers: 5 },
  "Gemma 2": { query_pre_attn_scalar: 16, num_hidden_layers: 7 },
  "Gemma 3": {
    query_pre_attn_scalar: 16,
    num_hidden_layers: 7,
    rope_local_base_freq: 10_000,
    sliding_window_pattern: 6,
  },
};

describe("a tiny model in GGUF answers as the slow model computes", () => {
  test.each([
    "Llama",
    "Llama, linear rope",
    "Llama with biases",
    "Qwen2.5",
    "Qwen2.5, YaRN",
    "Qwen3",
    "Qwen3-MoE",
    "Phi-3",
    "Phi-4-mini",
    "SmolLM3",
    "Gemma 2",
    "Gemma 3",
  ])("%s", async (name) => {
    const found = TINY_MODELS[name];
    if (found === undefined) throw new Error(`There is no tiny ${name}.`);
    const model = { ...found, config: { ...found.config, ...SHARED[name] } };
    await using folder = await temporaryFolder();
    const weights = await writeTinyModel(folder.path, model);
    const path = join(folder.path, "tiny.gguf");
    await writeFile(path, encodeGguf(tinyModelGguf(model)));
    const decoder = await loadDecoder({
      folder: path,
      quantization: "fp32",
      cacheDir: folder.path,
      slots: 1,
      threads: 1,
    });
    try {
      const generated = await greedy(decoder, PROMPT, STEPS);
      const tokens = [...PROMPT, ...generated.slice(0, -1)];
      const expected = slowModel(model.config, weights, tokens).map((row) => Float32Array.from(row));
      expect(generated).toEqual(expected.slice(PROMPT.length - 1).map(argmax));
      const last = expected.at(-1) ?? new Float32Array();
      expect(largestDifference(await decoder.prefill(0, tokens, 0), last)).toBeLessThan(1e-4);
    } finally {
      await decoder.dispose();
    }
  });
});

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readModelConfig } from "../../../../node-agent/model/model-files.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { TINY_MODELS, writeTinyModel } from "../../../support/model-tiny.ts";
import { loadUnder, quantizeInto } from "../../../support/quantize-starter.ts";

/** Sizes that blocks divide, as those of real models are. */
const SIZES = { hidden_size: 64, intermediate_size: 96, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 32 };
const TOKENS = Array.from({ length: 40 }, (_, i) => (i * 37) % 101);

test.each(["Phi-3", "Gemma 3, the text part of 4B and up", "Qwen3-MoE"])(
  "%s is fitted, and runs in the numbers of the file",
  async (name) => {
    const model = TINY_MODELS[name];
    if (model === undefined) throw new Error(`There is no ${name}.`);
    await using folder = await temporaryFolder();
    const original = join(folder.path, "original");
    await mkdir(original);
    await writeTinyModel(original, { ...model, config: { ...model.config, ...SIZES } });
    const made = await quantizeInto(
      folder.path,
      { block: 32 },
      { path: original, calibration: [TOKENS, TOKENS.toReversed()] },
    );
    expect(made.errors.filter(({ outputError }) => outputError !== undefined).length).toBeGreaterThan(1);
    for (const { outputError } of made.errors) {
      if (outputError !== undefined) expect(outputError.calibrated).toBeLessThan(outputError.rounded);
    }
    expect((await readModelConfig(made.folder)).layers).toBe(model.config.num_hidden_layers);
    await using exact = await loadUnder(folder.path, made.folder, "fp32");
    const logits = (await exact.prefill(0, TOKENS.slice(0, 20), 0)).slice();
    await using own = await loadUnder(folder.path, made.folder, "int4");
    const found = await own.prefill(0, TOKENS.slice(0, 20), 0);
    const size = Math.sqrt(logits.reduce((sum, logit) => sum + logit ** 2, 0));
    expect(
      Math.sqrt(logits.reduce((sum, logit, i) => sum + (logit - (found[i] ?? Number.NaN)) ** 2, 0)) / size,
    ).toBeLessThan(0.1);
  },
);

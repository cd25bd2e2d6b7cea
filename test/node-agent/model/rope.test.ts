import { describe, expect, test } from "vitest";
import { fitContext, fitFirstStage, parseConfig } from "../../../node-agent/model/config.ts";
import { type Rope, ropeCaches, ropeStages } from "../../../node-agent/model/rope.ts";
import { scaleFrequencies } from "../../../node-agent/model/rope-scaling.ts";
import { type SlowConfig, slowRope } from "../../support/model-slow-rope.ts";
import { TINY_CONFIG } from "../../support/model-tiny.ts";

const base: SlowConfig = {
  ...TINY_CONFIG,
  hidden_size: 1024,
  num_attention_heads: 8,
  num_key_value_heads: 8,
  head_dim: 128,
  max_position_embeddings: 131_072,
};

function ropeOf(config: SlowConfig): Rope {
  return only(parseConfig(config).ropes[0]);
}

function only(rope: Rope | undefined): Rope {
  if (rope === undefined) throw new Error("The model has no rope.");
  return rope;
}

/** How many times slower each pair turns than it would unscaled, and the factor on cosines and sines. */
function stretches(config: SlowConfig): { by: number[]; gain: number } {
  return stretchesOf(ropeOf(config));
}

function stretchesOf(found: Rope | undefined): { by: number[]; gain: number } {
  const rope = only(found);
  const unscaled = Array.from({ length: rope.rotaryDim / 2 }, (_, i) => rope.theta ** ((-2 * i) / rope.rotaryDim));
  const { frequencies, gain } = scaleFrequencies(rope, unscaled);
  return { by: frequencies.map((frequency, i) => (unscaled[i] ?? 0) / frequency), gain };
}

const near = (value: number) => expect.closeTo(value, 9);
const llama31: SlowConfig = {
  ...base,
  rope_theta: 500_000,
  rope_scaling: {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
};
const qwen25: SlowConfig = {
  ...base,
  architectures: ["Qwen2ForCausalLM"],
  rope_theta: 1_000_000,
  max_position_embeddings: 32_768,
  rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: 32_768 },
};
const phi3: SlowConfig = {
  ...base,
  architectures: ["Phi3ForCausalLM"],
  head_dim: 96,
  rope_theta: 10_000,
  original_max_position_embeddings: 4096,
  rope_scaling: {
    type: "longrope",
    short_factor: Array.from({ length: 48 }, (_, i) => 1 + i / 50),
    long_factor: Array.from({ length: 48 }, (_, i) => 1 + i),
  },
};

describe("what the papers and the models' own code say", () => {
  test("Llama 3.1: wavelengths under 2048 stay, those over 8192 are eight times longer", () => {
    const { by, gain } = stretches(llama31);
    expect(by.slice(0, 29)).toEqual(Array.from({ length: 29 }, () => near(1)));
    expect(by.slice(35)).toEqual(Array.from({ length: 29 }, () => near(8)));
    // Pair 32 turns every 4442.88 positions: 0.281281 of the way, by hand.
    expect(by[32]).toBeCloseTo(1 / ((1 - 0.281281) / 8 + 0.281281), 4);
    expect(gain).toBe(1);
  });

  test("Qwen2.5 with YaRN: pairs to 23 stay, those from 40 on are four times slower, attention is sharpened", () => {
    const { by, gain } = stretches(qwen25);
    expect(by.slice(0, 24)).toEqual(Array.from({ length: 24 }, () => near(1)));
    expect(by.slice(40)).toEqual(Array.from({ length: 24 }, () => near(4)));
    expect(gain).toBeCloseTo(1.138_629_436, 9);
    expect(parseConfig(qwen25).maxPositions).toBe(131_072);
  });

  test("Phi-3 with 128K: factors for long texts, and for short ones where the context is within the original positions", () => {
    const long = stretches(phi3);
    expect(long.by).toEqual(Array.from({ length: 48 }, (_, i) => near(1 + i)));
    expect(long.gain).toBeCloseTo(1.190_238_071_4, 9);
    const fitted = fitContext(parseConfig(phi3), 4096);
    expect(fitted.maxPositions).toBe(4096);
    const short = stretchesOf(fitted.ropes[0]);
    expect(short.by).toEqual(Array.from({ length: 48 }, (_, i) => near(1 + i / 50)));
    expect(short.gain).toBe(long.gain);
    expect(fitContext(parseConfig(phi3), 4097)).toEqual(parseConfig(phi3));
    const su = { ...phi3, rope_scaling: { ...phi3.rope_scaling, type: "su" } };
    expect(ropeOf(su)).toEqual(ropeOf(phi3));
  });

  test("DeepSeek's quotient of YaRN gains, and a given gain", () => {
    const yarn = { ...qwen25.rope_scaling };
    const gainOf = (change: object) => stretches({ ...qwen25, rope_scaling: { ...yarn, ...change } }).gain;
    expect(gainOf({ mscale: 1, mscale_all_dim: 1 })).toBe(1);
    expect(gainOf({ mscale: 0.6, mscale_all_dim: 1 })).toBeCloseTo((0.06 * Math.log(4) + 1) / 1.138_629_436, 9);
    expect(gainOf({ attention_factor: 1.5 })).toBe(1.5);
    expect(gainOf({ factor: 1 })).toBe(1);
  });

  test("dynamic scaling changes nothing in the trained positions, and stages double up to its factor", () => {
    const dynamic = { ...base, max_position_embeddings: 2048, rope_scaling: { type: "dynamic", factor: 5 } };
    expect(stretches(dynamic)).toEqual(stretches(base));
    const config = parseConfig(dynamic);
    expect(config.maxPositions).toBe(10_240);
    expect(ropeStages(config)).toEqual([2048, 4096, 8192, 10_240]);
    expect(ropeStages(fitContext(config, 2049))).toEqual([2048, 4096, 8192, 10_240]);
    expect(ropeStages(fitContext(config, 2048))).toEqual([2048]);
    expect(ropeStages(fitFirstStage(config))).toEqual([2048]);
    expect(ropeStages(parseConfig(llama31))).toEqual([131_072]);
    // More than we serve in any case.
    const long = { ...base, rope_scaling: { type: "dynamic", factor: 4 } };
    expect(ropeStages(parseConfig(long))).toEqual([131_072]);
  });
});

describe("tables equal an independent computation", () => {
  const positions = [0, 1, 2, 63, 1000, 4095];
  test.each<[string, SlowConfig]>([
    ["unscaled", base],
    ["linear", { ...base, rope_scaling: { type: "linear", factor: 4 } }],
    ["dynamic", { ...base, rope_scaling: { type: "dynamic", factor: 4 } }],
    ["llama3", llama31],
    ["yarn", qwen25],
    ["yarn over few pairs", { ...qwen25, rope_theta: 100, head_dim: 32 }],
    ["longrope", phi3],
    ["a quarter of a head", { ...base, partial_rotary_factor: 0.25 }],
    [
      "dynamic, beyond the trained positions",
      { ...base, max_position_embeddings: 1024, rope_scaling: { type: "dynamic", factor: 4 } },
    ],
  ])("%s", (_, config) => {
    const rope = ropeOf(config);
    const slow = slowRope(config, config.rope_theta, rope.rotaryDim, 4096);
    const { cos, sin } = ropeCaches(rope, 4096);
    const pairs = rope.rotaryDim / 2;
    expect(slow.angles).toHaveLength(pairs);
    expect(cos).toHaveLength(4096 * pairs);
    for (const position of positions) {
      for (const [i, angle] of slow.angles.entries()) {
        expect(cos[position * pairs + i]).toBeCloseTo(slow.gain * Math.cos(position * angle), 6);
        expect(sin[position * pairs + i]).toBeCloseTo(slow.gain * Math.sin(position * angle), 6);
      }
    }
  });
});

describe("refuses", () => {
  test.each<[string, object, RegExp]>([
    ["factors that do not fit", { ...phi3, head_dim: 64 }, /48 longrope factors do not fit 64/],
    ["a rotated part that kernels cannot take", { ...base, partial_rotary_factor: 0.3 }, /38 rotated.*multiples of 16/],
    ["a factor below 1", { ...base, rope_scaling: { type: "linear", factor: 0.5 } }, /factor/],
    ["a theta that is text", { ...base, rope_parameters: { rope_theta: "10000" } }, /rope parameters/],
  ])("%s", (_, config, message) => {
    expect(() => parseConfig(config)).toThrow(message);
  });
});

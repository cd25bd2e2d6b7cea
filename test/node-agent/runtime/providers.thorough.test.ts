import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createEngineBackend } from "../../../node-agent/engine/backend.ts";
import { loadDecoder } from "../../../node-agent/model/load.ts";
import { tryProvider } from "../../../node-agent/runtime/try-provider.ts";
import { STARTER } from "../../support/engine-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { TINY_CONFIG, writeTinyModel } from "../../support/model-tiny.ts";

const CHILD = fileURLToPath(new URL("../../support/accelerator-child.ts", import.meta.url));
/** Chromium's software Vulkan, as its Debian package has it: a GPU for WebGPU on a machine without one. */
const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

const resultSchema = z.union([
  z.object({ skipped: z.string() }),
  z.object({ fallback: z.string().nullable(), difference: z.number(), largest: z.number() }),
]);

/** A provider that cannot run here, wherever that is: one for another system. */
const FOREIGN = process.platform === "win32" ? "coreml" : "dml";

describe("a provider that does not run here", () => {
  test("says why", async () => {
    expect(await tryProvider("cpu")).toBeUndefined();
    expect(await tryProvider(FOREIGN)).toMatch(/backend|unsupported/);
  });

  test("leaves the model to the CPU, with the same answers, and says why", async () => {
    await using folder = await temporaryFolder();
    await writeTinyModel(folder.path, { config: TINY_CONFIG });
    const options = { folder: folder.path, cacheDir: `${folder.path}/cache`, quantization: "fp32", slots: 1 } as const;
    const told: [string, string][] = [];
    const onFallback = (wanted: string, reason: string) => void told.push([wanted, reason]);
    const fallen = await loadDecoder({ ...options, provider: FOREIGN, onFallback });
    const plain = await loadDecoder({ ...options, onFallback });
    expect([...(await fallen.prefill(0, [3, 1, 4], 0))]).toEqual([...(await plain.prefill(0, [3, 1, 4], 0))]);
    await Promise.all([fallen.dispose(), plain.dispose()]);
    expect(told).toEqual([[FOREIGN, expect.stringMatching(/onnxruntime-node has none for/)]]);
  });

  // Where its libraries are installed there may be a GPU too: then nothing has to fall back.
  test("through the engine: CUDA asked for, the CPU answers, and the counters tell", async ({ skip }) => {
    if ((await tryProvider("cuda")) === undefined) skip("CUDA runs here.");
    await using folder = await temporaryFolder();
    const told: unknown[] = [];
    const starter = {
      name: "starter",
      folder: STARTER,
      task: "generate",
      architecture: "LlamaForCausalLM",
      quantization: "fp32",
      parameters: 5_480_000,
      contextLength: 256,
      createdAt: 0,
    } as const;
    const backend = createEngineBackend({
      models: [starter],
      cacheDir: folder.path,
      provider: "cuda",
      onFallback: (model, fallback) => told.push([model, fallback.wanted]),
    });
    await backend.preload("starter");
    const [loaded] = await backend.stats();
    expect(loaded?.execution).toEqual({ provider: "cpu", fallback: { wanted: "cuda", reason: expect.any(String) } });
    expect(loaded?.execution?.fallback?.reason).not.toContain(STARTER);
    expect(told).toEqual([["starter", "cuda"]]);
    await backend.stop();
  });
});

describe("WebGPU", () => {
  test.each([
    ["fp32", 1e-4],
    // The CPU rounds activations to 8 bits, the GPU does not.
    ["int4", 0.3],
  ] as const)("computes what the CPU does, at %s, with the cache in place", async (quantization, tolerance) => {
    await using folder = await temporaryFolder();
    // One layer, and rows that blocks divide: compiling shaders takes the time.
    const config = { ...TINY_CONFIG, num_hidden_layers: 1, hidden_size: 64, intermediate_size: 96 };
    await writeTinyModel(folder.path, { config });
    const software = await access(SWIFTSHADER).then(
      () => ({ VK_DRIVER_FILES: SWIFTSHADER, VK_ICD_FILENAMES: SWIFTSHADER }),
      () => ({}),
    );
    const args = [CHILD, folder.path, `${folder.path}/cache`, "webgpu", quantization];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...software } });
    const result = resultSchema.parse(JSON.parse(stdout));
    if ("skipped" in result) return console.warn(`WebGPU does not run here: ${result.skipped}`);
    expect(result.fallback).toBeNull();
    expect(result.largest).toBeGreaterThan(0.1);
    expect(result.difference).toBeLessThan(tolerance * result.largest);
  });
});

import { describe, expect, test } from "vitest";
import { CUDA_INSTALL, chooseProvider, type Machine } from "../../../node-agent/runtime/choose-provider.ts";
import { PROVIDERS, providerChoiceSchema, providerSchema } from "../../../node-agent/runtime/providers.ts";

const CARD = { vendor: "nvidia", name: "NVIDIA GeForce RTX 4070", driver: "580.95.05" } as const;
const library = (version: string) => ({ version, path: `/usr/lib/lib.so.${version}` });
const machine = (change: Partial<Machine> = {}): Machine => ({ build: "linux-x64", gpus: [], npus: [], ...change });
const cuda = (runtimes: string[], cudnns: string[], provider?: { cudaMajor?: number; tensorrt: boolean }) => ({
  runtimes: runtimes.map(library),
  cudnns: cudnns.map(library),
  ...(provider === undefined ? {} : { provider }),
});
const installed = { cudaMajor: 12, tensorrt: true };

/** What stands in the way of CUDA on a machine. */
function cudaVerdict(change: Partial<Machine>) {
  return chooseProvider(machine(change)).alternatives.find(({ provider }) => provider === "cuda");
}

describe("choosing a provider", () => {
  test("without a GPU it is the CPU, and says so", () => {
    const decision = chooseProvider(machine());
    expect(decision).toMatchObject({ provider: "cpu", reason: "no GPU was found" });
    expect(decision.alternatives).toEqual([
      { provider: "cuda", reason: "no NVIDIA GPU was found" },
      { provider: "webgpu", reason: "no GPU was found" },
    ]);
  });

  test("what CUDA lacks is told, one step at a time, with the way out", () => {
    expect(cudaVerdict({ gpus: [{ vendor: "amd", name: "AMD" }] })?.reason).toMatch(/no NVIDIA/);
    expect(cudaVerdict({ gpus: [{ vendor: "nvidia", name: "NVIDIA card" }] })).toMatchObject({ reason: /no driver/ });
    expect(cudaVerdict({ gpus: [CARD], cuda: cuda([], []) })?.fix).toContain(CUDA_INSTALL);
    const old = cudaVerdict({ gpus: [CARD], cuda: cuda(["11.8", "13.0"], ["9"], installed) });
    expect(old?.reason).toBe("it needs CUDA 12 on the loader's path (found: 11.8, 13.0)");
    const noCudnn = cudaVerdict({ gpus: [CARD], cuda: cuda(["12.6.77"], ["8.9"], installed) });
    expect(noCudnn?.reason).toBe("it needs cuDNN 9 on the loader's path (found: 8.9)");
    const other = cudaVerdict({ gpus: [CARD], cuda: cuda(["12.6"], ["9"], { cudaMajor: 13, tensorrt: false }) });
    expect(other?.reason).toMatch(/needs CUDA 13/);
  });

  test("what is ready but has never run our models waits to be asked for", () => {
    const ready = machine({ gpus: [CARD], cuda: cuda(["12.6"], ["9.1"], installed) });
    expect(chooseProvider(ready).provider).toBe("cpu");
    expect(cudaVerdict(ready)).toMatchObject({ reason: /not been tried/, fix: /--provider cuda/ });
    expect(chooseProvider(ready, "cuda")).toMatchObject({ provider: "cuda", reason: "asked for with --provider" });
  });

  test("what is asked for is tried, and what stands in its way is told", () => {
    expect(chooseProvider(machine(), "cuda")).toMatchObject({
      provider: "cuda",
      obstacle: { reason: "no NVIDIA GPU was found" },
    });
    expect(chooseProvider(machine(), "dml")).toMatchObject({
      obstacle: { reason: "onnxruntime-node has none for linux-x64" },
    });
    expect(chooseProvider(machine(), "cpu")).not.toHaveProperty("obstacle");
  });

  test("a Mac's alternatives are its own", () => {
    const mac = machine({ build: "darwin-arm64", gpus: [{ vendor: "apple", name: "Apple M3" }] });
    const decision = chooseProvider(mac);
    expect(decision.provider).toBe("cpu");
    expect(decision.alternatives.map(({ provider }) => provider)).toEqual(["webgpu", "coreml"]);
    expect(decision.alternatives[1]?.reason).toMatch(/no kernels for quantised weights/);
  });

  test("every provider has a row, and the CPU is everywhere that any is", () => {
    for (const provider of providerSchema.options) {
      for (const platform of PROVIDERS[provider].platforms) expect(PROVIDERS.cpu.platforms).toContain(platform);
      expect(PROVIDERS[provider].sessionOptions([]).executionProviders).toHaveLength(1);
    }
    expect(providerChoiceSchema.safeParse("tpu").success).toBe(false);
  });
});

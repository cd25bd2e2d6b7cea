import type { InferenceSession } from "onnxruntime-node";
import { z } from "zod";

/** Where a graph runs. */
export const providerSchema = z.enum(["cpu", "cuda", "webgpu", "coreml", "dml"]);
export type ProviderName = z.infer<typeof providerSchema>;

/** What a user asks for: a provider, or the one that suits the machine. */
export const providerChoiceSchema = z.enum(["auto", ...providerSchema.options]);
export type ProviderChoice = z.infer<typeof providerChoiceSchema>;

/** Where a loaded model runs, and why that is not where it was asked to. */
export const executionSchema = z.object({
  provider: providerSchema,
  fallback: z.object({ wanted: providerSchema, reason: z.string().max(4096) }).optional(),
});
export type Execution = z.infer<typeof executionSchema>;

export interface Provider {
  /** Builds of onnxruntime-node 1.30 that have it, as `platform-arch`. */
  platforms: readonly string[];
  /** Whether it has MatMulNBits, the product with 4 or 8 bits in blocks. The CPU computes what a provider has no kernel for. */
  blockProducts: boolean;
  /** Whether it has run our graphs on the hardware it is for; one that has not is used only when asked for. */
  tried: boolean;
  /**
   * ONNX Runtime's options. The CPU is not in them: it takes what a provider leaves in any case, and with it in the list a provider
   * that is missing would be passed over in silence.
   * @param cpuNodes names of nodes that are to stay on the CPU, where the provider can be told
   */
  sessionOptions(cpuNodes: readonly string[]): InferenceSession.SessionOptions;
}

/** coreml_provider_factory.h: an ML program instead of a neural network, on whatever unit Core ML finds best. */
const COREML_FLAG_CREATE_MLPROGRAM = 0x10;

/**
 * Every provider the engine knows; a new accelerator is a new row. Platforms are those of the package, kernels those of ONNX Runtime's
 * OperatorKernels.md (WebGPU's: of a session's own log). DynamicQuantizeMatMul is the CPU's and DirectML's only; GroupQueryAttention
 * over float32 is missing in CUDA, and stays on the CPU elsewhere too, with its cache.
 */
export const PROVIDERS: Record<ProviderName, Provider> = {
  cpu: {
    platforms: ["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64", "win32-arm64"],
    blockProducts: true,
    tried: true,
    sessionOptions: () => ({ executionProviders: ["cpu"] }),
  },
  cuda: {
    platforms: ["linux-x64"],
    blockProducts: true,
    tried: false,
    // Of CUDA's options the Node binding passes on the device only; all others have ONNX Runtime's defaults.
    sessionOptions: () => ({ executionProviders: [{ name: "cuda", deviceId: 0 }] }),
  },
  webgpu: {
    platforms: ["linux-x64", "darwin-arm64", "win32-x64", "win32-arm64"],
    blockProducts: true,
    tried: false,
    // Attention stays with its cache: on the device, the whole cache would cross the bus twice at every step.
    sessionOptions: (cpuNodes) => ({
      // An empty list is refused.
      executionProviders: [cpuNodes.length === 0 ? "webgpu" : { name: "webgpu", forceCpuNodeNames: cpuNodes }],
    }),
  },
  coreml: {
    platforms: ["darwin-arm64"],
    blockProducts: false,
    tried: false,
    sessionOptions: () => ({
      executionProviders: [{ name: "coreml", coreMlFlags: COREML_FLAG_CREATE_MLPROGRAM }],
    }),
  },
  dml: {
    platforms: ["win32-x64", "win32-arm64"],
    blockProducts: true,
    tried: false,
    // DirectML supports neither memory patterns nor parallel execution.
    sessionOptions: () => ({ executionProviders: [{ name: "dml", deviceId: 0 }], enableMemPattern: false }),
  },
};

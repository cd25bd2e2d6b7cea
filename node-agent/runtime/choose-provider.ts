import type { Accelerators } from "../hardware/accelerators.ts";
import type { Gpu } from "../hardware/gpu.ts";
import { PROVIDERS, type ProviderChoice, type ProviderName, providerSchema } from "./providers.ts";

/** What the choice depends on. */
export interface Machine extends Accelerators {
  /** `platform-arch`, as Node calls them. */
  build: string;
}

/** Why a provider is not the one to use. */
export interface Obstacle {
  reason: string;
  /** What would change that; absent where nothing would. */
  fix?: string;
}

export interface ProviderDecision {
  provider: ProviderName;
  reason: string;
  /** What stands in the way of the one that was asked for; it is tried all the same. */
  obstacle?: Obstacle;
  /** The others that this machine could have. */
  alternatives: ({ provider: ProviderName } & Obstacle)[];
}

/** CUDA and cuDNN that onnxruntime-node 1.30 is built for. */
const CUDA_MAJOR = 12;
const CUDNN_MAJOR = 9;

/** The step of onnxruntime-node's own installation that `npm install` leaves out here, since it fails offline. */
export const CUDA_INSTALL = "node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12";

/** Decides where models run: as asked, or the first provider that is ready and has been tried on such hardware. */
export function chooseProvider(machine: Machine, wanted: ProviderChoice = "auto"): ProviderDecision {
  const verdicts = providerSchema.options.map((provider) => ({ provider, obstacle: obstacleTo(provider, machine) }));
  const accelerators = verdicts.filter(({ provider }) => provider !== "cpu");
  const chosen =
    wanted === "auto" ? (accelerators.find(({ obstacle }) => obstacle === undefined)?.provider ?? "cpu") : wanted;
  const obstacle = wanted === "auto" ? undefined : verdicts.find(({ provider }) => provider === wanted)?.obstacle;
  const alternatives = verdicts.flatMap(({ provider, obstacle: against }) => {
    if (provider === chosen || provider === "cpu" || !PROVIDERS[provider].platforms.includes(machine.build)) return [];
    return [
      { provider, ...(against ?? { reason: "another was asked for", fix: `Start with --provider ${provider}.` }) },
    ];
  });
  return {
    provider: chosen,
    reason: reasonFor(chosen, wanted, machine),
    ...(obstacle ? { obstacle } : {}),
    alternatives,
  };
}

function reasonFor(chosen: ProviderName, wanted: ProviderChoice, { gpus }: Machine): string {
  if (wanted !== "auto") return "asked for with --provider";
  if (chosen !== "cpu") return "it is ready, and has run our models on such hardware";
  return gpus.length === 0 ? "no GPU was found" : "no GPU's provider is both ready and tried";
}

function obstacleTo(provider: ProviderName, machine: Machine): Obstacle | undefined {
  const { platforms, blockProducts, tried } = PROVIDERS[provider];
  if (!platforms.includes(machine.build)) return { reason: `onnxruntime-node has none for ${machine.build}` };
  if (provider === "cpu") return undefined;
  if (!blockProducts) return { reason: "it has no kernels for quantised weights" };
  const missing = provider === "cuda" ? cudaObstacle(machine) : machine.gpus.length === 0 ? NO_GPU : undefined;
  if (missing !== undefined) return missing;
  if (tried) return undefined;
  return {
    reason: "it has not been tried with our models on such hardware, so the CPU goes first",
    fix: `Try it with --provider ${provider}: products run on the GPU, attention and its memory stay with the CPU.`,
  };
}

const NO_GPU: Obstacle = { reason: "no GPU was found" };

function cudaObstacle({ gpus, cuda }: Machine): Obstacle | undefined {
  const card = gpus.find(({ vendor }: Gpu) => vendor === "nvidia");
  if (card === undefined) return { reason: "no NVIDIA GPU was found" };
  if (card.driver === undefined) return { reason: `${card.name} has no driver`, fix: "Install NVIDIA's driver." };
  if (cuda?.provider === undefined) {
    return {
      reason: "ONNX Runtime's CUDA libraries are not installed",
      fix: `Run '${CUDA_INSTALL}' in Porchlight's folder.`,
    };
  }
  const major = cuda.provider.cudaMajor ?? CUDA_MAJOR;
  const found = (libraries: readonly { version: string }[]) =>
    libraries.length === 0 ? "none was found" : `found: ${libraries.map(({ version }) => version).join(", ")}`;
  if (!hasMajor(cuda.runtimes, major)) {
    return {
      reason: `it needs CUDA ${major} on the loader's path (${found(cuda.runtimes)})`,
      fix: `Install the CUDA ${major} runtime with cuBLAS, or name its folder in LD_LIBRARY_PATH.`,
    };
  }
  if (hasMajor(cuda.cudnns, CUDNN_MAJOR)) return undefined;
  return {
    reason: `it needs cuDNN ${CUDNN_MAJOR} on the loader's path (${found(cuda.cudnns)})`,
    fix: `Install cuDNN ${CUDNN_MAJOR} for CUDA ${major}, or name its folder in LD_LIBRARY_PATH.`,
  };
}

function hasMajor(libraries: readonly { version: string }[], major: number): boolean {
  return libraries.some(({ version }) => Number(version.split(".")[0]) === major);
}

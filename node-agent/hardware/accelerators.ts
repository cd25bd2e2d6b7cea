import { z } from "zod";
import { appleGpus, parseSystemProfiler, SYSTEM_PROFILER_ARGS } from "./apple.ts";
import { cudaSchema, readCuda } from "./cuda.ts";
import { readDrm } from "./drm.ts";
import { type Gpu, gpuSchema } from "./gpu.ts";
import { npuSchema, readNpus } from "./npu.ts";
import { NVIDIA_SMI_ARGS, parseNvidiaSmi, readNvidiaProc } from "./nvidia.ts";
import { probeHardware } from "./probe.ts";
import { type SystemFiles, systemFiles } from "./read-text.ts";
import { runTool } from "./run-tool.ts";
import { parseWindowsGpus, POWERSHELL_ARGS, POWERSHELL_TIMEOUT_MS } from "./windows.ts";

export const acceleratorsSchema = z.object({
  gpus: z.array(gpuSchema),
  npus: z.array(npuSchema),
  /** Linux only. */
  cuda: cudaSchema.optional(),
});
export type Accelerators = z.infer<typeof acceleratorsSchema>;

export type Run = typeof runTool;

const cached: { [Depth in "quick" | "thorough"]?: Promise<Accelerators> } = {};

/**
 * Looks for GPUs, NPUs and CUDA, once a process. Never throws.
 * @param depth `quick` reads files and what answers in milliseconds; `thorough` also asks programs that take a second (system_profiler,
 * PowerShell, nvidia-smi) for names, memory and drivers
 */
export async function probeAccelerators(depth: "quick" | "thorough"): Promise<Accelerators> {
  cached[depth] ??= look(depth === "thorough" ? runTool : async () => undefined, systemFiles);
  return await cached[depth];
}

async function look(run: Run, files: SystemFiles): Promise<Accelerators> {
  const { cpu } = probeHardware();
  const npus = readNpus(cpu.model, files);
  if (process.platform === "linux") return { gpus: await linuxGpus(run, files), npus, cuda: await readCuda() };
  if (process.platform === "darwin") {
    const displays = await run("/usr/sbin/system_profiler", SYSTEM_PROFILER_ARGS);
    return { gpus: firstOf(parseSystemProfiler(displays ?? ""), appleGpus(cpu.model)), npus };
  }
  if (process.platform === "win32") {
    const controllers = await run("powershell.exe", POWERSHELL_ARGS, POWERSHELL_TIMEOUT_MS);
    return { gpus: parseWindowsGpus(controllers ?? ""), npus };
  }
  return { gpus: [], npus };
}

/** NVIDIA's cards from whoever knows most of them, the others from the kernel. */
export async function linuxGpus(run: Run, files: SystemFiles): Promise<Gpu[]> {
  const drm = readDrm(files);
  const asked = parseNvidiaSmi((await run("nvidia-smi", NVIDIA_SMI_ARGS)) ?? "");
  const nvidia = firstOf(
    asked,
    firstOf(
      readNvidiaProc(files),
      drm.filter(({ vendor }) => vendor === "nvidia"),
    ),
  );
  return [...nvidia, ...drm.filter(({ vendor }) => vendor !== "nvidia")];
}

function firstOf<T>(found: T[], otherwise: T[]): T[] {
  return found.length > 0 ? found : otherwise;
}

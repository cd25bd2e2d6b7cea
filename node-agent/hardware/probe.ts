import { freemem, hostname, totalmem } from "node:os";
import { z } from "zod";
import type { Machine } from "../../shared/protocol/messages.ts";
import { type CgroupLimits, readCgroup } from "./cgroup.ts";
import { type CpuFacts, readCpu } from "./cpu.ts";

export const hardwareSchema = z.object({
  name: z.string().min(1).max(128),
  os: z.string().max(64),
  arch: z.string().max(32),
  cpu: z.object({
    model: z.string().max(128),
    /** Cores that this process can keep busy: physical ones, fewer where a container limits it. */
    cores: z.number().int().positive(),
    /** Instruction sets that matter to inference, such as avx512_vnni or neon. */
    features: z.array(z.string()),
  }),
  memory: z.object({
    /** What this process may have: the machine's, or the container's limit. */
    totalBytes: z.number().int().positive(),
    freeBytes: z.number().int().nonnegative(),
  }),
});
export type Hardware = z.infer<typeof hardwareSchema>;

/** Looks at this machine. Never throws: what cannot be read is left out or taken from what Node knows. */
export function probeHardware(): Hardware {
  return describe(readCpu(), readCgroup(), { totalBytes: totalmem(), freeBytes: freemem() });
}

/** Puts the facts together: the stricter of machine and container counts. */
export function describe(
  cpu: CpuFacts,
  cgroup: CgroupLimits,
  memory: { totalBytes: number; freeBytes: number },
): Hardware {
  const totalBytes = Math.min(memory.totalBytes, cgroup.memoryBytes ?? Number.POSITIVE_INFINITY);
  const left = (cgroup.memoryBytes ?? Number.POSITIVE_INFINITY) - (cgroup.memoryUsedBytes ?? 0);
  return hardwareSchema.parse({
    name: hostname().slice(0, 128) || "home",
    os: process.platform,
    arch: process.arch,
    cpu: {
      model: cpu.model.slice(0, 128),
      // A fraction of a core is no thread: threads that wait for each other's time slices are slower than fewer of them.
      cores: Math.max(1, Math.min(cpu.physicalCores, Math.floor(cgroup.cpus ?? Number.POSITIVE_INFINITY))),
      features: cpu.features,
    },
    memory: { totalBytes, freeBytes: Math.max(0, Math.min(memory.freeBytes, left)) },
  });
}

/** Of the memory, what models may take when nobody chose: the rest is the system's and other programs'. */
export function memoryForModels({ memory }: Pick<Hardware, "memory">): number {
  return Math.floor(memory.totalBytes * MODELS_SHARE);
}

const MODELS_SHARE = 3 / 4;

/**
 * Whether products of unsigned and signed bytes are summed without saturating. x86 before VNNI adds pairs of them in 16 bits
 * (vpmaddubsw), which overflows for large weights; other processors have no such instruction.
 */
export function mixedSignsAreExact({ arch, cpu }: Pick<Hardware, "arch" | "cpu">): boolean {
  return arch !== "x64" || cpu.features.includes("avx512_vnni") || cpu.features.includes("avx_vnni");
}

/** How this machine is announced to the edge. */
export function toMachine(hardware: Hardware): Machine {
  return {
    name: hardware.name,
    os: hardware.os,
    arch: hardware.arch,
    cpu: hardware.cpu.model,
    cores: hardware.cpu.cores,
    memoryBytes: hardware.memory.totalBytes,
  };
}

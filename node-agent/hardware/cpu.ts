import { execFileSync } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { fastCpus } from "./hybrid.ts";
import { systemFiles } from "./read-text.ts";

/** Instruction sets that decide how fast a model runs, as Linux and macOS call them. */
const FEATURES = {
  linux: ["avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8"],
  linuxArm: { asimd: "neon", asimddp: "dotprod", i8mm: "i8mm", sve: "sve", bf16: "bf16" },
  darwin: { FEAT_DotProd: "dotprod", FEAT_I8MM: "i8mm", FEAT_BF16: "bf16", FEAT_SME: "sme" },
} as const;

export interface CpuFacts {
  model: string;
  /** Cores that compute independently: hyperthreads count once, the slow cores of a hybrid processor not at all. */
  physicalCores: number;
  features: string[];
}

/** What the processor is, from whatever this system offers to read it. */
export function readCpu(): CpuFacts {
  const cpu = platformCpu();
  const listed = cpus()[0]?.model.trim();
  return {
    model: cpu.model ?? (listed === undefined || listed === "" ? process.arch : listed),
    physicalCores: Math.max(1, Math.min(cpu.physicalCores ?? availableParallelism(), availableParallelism())),
    features: cpu.features,
  };
}

interface PartialFacts {
  model: string | undefined;
  physicalCores: number | undefined;
  features: string[];
}

function platformCpu(): PartialFacts {
  if (process.platform === "darwin") return parseSysctl(readSysctl());
  const cpuinfo = process.platform === "linux" ? systemFiles.read("/proc/cpuinfo") : undefined;
  if (cpuinfo === undefined) return { model: undefined, physicalCores: undefined, features: [] };
  return parseCpuinfo(cpuinfo, fastCpus(systemFiles));
}

/**
 * Reads Linux's /proc/cpuinfo: one paragraph per logical processor.
 * @param fast the logical processors whose cores count; absent: all
 */
export function parseCpuinfo(text: string, fast?: ReadonlySet<number>): PartialFacts {
  const processors = text
    .split(/\n\s*\n/)
    .map(parseFields)
    .filter((fields) => fields.has("processor"));
  const first = processors[0] ?? new Map<string, string>();
  const counted = processors.filter((fields) => fast?.has(Number(fields.get("processor"))) ?? true);
  const cores = new Set(counted.map((fields) => `${fields.get("physical id")}/${fields.get("core id")}`));
  const named = first.has("core id");
  const flags = new Set((first.get("flags") ?? first.get("Features") ?? "").split(/\s+/));
  const x86 = FEATURES.linux.filter((feature) => flags.has(feature));
  const arm = Object.entries(FEATURES.linuxArm).flatMap(([flag, name]) => (flags.has(flag) ? [name] : []));
  return {
    model: first.get("model name"),
    // Arm does not tell cores apart: there, each logical processor is one.
    physicalCores: named ? cores.size : fast?.size,
    features: first.has("flags") ? x86 : arm,
  };
}

function parseFields(paragraph: string): Map<string, string> {
  return new Map(
    paragraph.split("\n").flatMap((line): [string, string][] => {
      const colon = line.indexOf(":");
      return colon < 0 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]];
    }),
  );
}

const SYSCTL_NAMES = [
  "machdep.cpu.brand_string",
  "hw.perflevel0.physicalcpu",
  "hw.physicalcpu",
  ...Object.keys(FEATURES.darwin).map((feature) => `hw.optional.arm.${feature}`),
];

function readSysctl(): string {
  try {
    // -i: names this Mac does not know are left out.
    return execFileSync("/usr/sbin/sysctl", ["-i", ...SYSCTL_NAMES], { encoding: "utf8", timeout: 2000 });
  } catch {
    return "";
  }
}

/** Reads the output of macOS's sysctl. The efficiency cores of Apple chips slow a parallel kernel down: they do not count. */
export function parseSysctl(text: string): PartialFacts {
  const fields = parseFields(text);
  const cores = Number(fields.get("hw.perflevel0.physicalcpu") ?? fields.get("hw.physicalcpu"));
  const features = Object.entries(FEATURES.darwin).flatMap(([flag, name]) =>
    fields.get(`hw.optional.arm.${flag}`) === "1" ? [name] : [],
  );
  return {
    model: fields.get("machdep.cpu.brand_string"),
    physicalCores: Number.isInteger(cores) && cores > 0 ? cores : undefined,
    features: process.arch === "arm64" ? ["neon", ...features] : features,
  };
}

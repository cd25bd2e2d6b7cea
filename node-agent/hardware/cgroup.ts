import { systemFiles } from "./read-text.ts";

/** Reads one of the kernel's files; undefined where there is none. */
export type ReadText = (path: string) => string | undefined;

export interface CgroupLimits {
  /** Processors' worth of time, perhaps a fraction; absent if not limited. */
  cpus?: number;
  memoryBytes?: number;
  memoryUsedBytes?: number;
}

const ROOT = "/sys/fs/cgroup";

/**
 * What a container or service manager lets this process have (cgroup v2, else v1); empty where nothing is limited. A group is bound by
 * the limits of those around it: the strictest counts.
 */
export function readCgroup(read: ReadText = (path) => systemFiles.read(path)): CgroupLimits {
  const isV2 = read(`${ROOT}/cgroup.controllers`) !== undefined;
  const own = read("/proc/self/cgroup") ?? "";
  const memory = groupsAround(own, isV2 ? "" : "memory").flatMap((group) => memoryOf(group, isV2, read));
  const cpus = groupsAround(own, isV2 ? "" : "cpu").flatMap((group) => cpusOf(group, isV2, read) ?? []);
  const strictest = memory.toSorted((a, b) => a.memoryBytes - b.memoryBytes)[0];
  return { ...(cpus.length === 0 ? {} : { cpus: Math.min(...cpus) }), ...strictest };
}

/**
 * Folders of the group that this process is in and of all around it, the innermost first. In a container the path may be that of the
 * machine outside, and only the outermost folder is there.
 * @param controller of cgroup v1; empty for v2, which has one tree
 */
function groupsAround(own: string, controller: string): string[] {
  const lines = own.split("\n").map((line) => line.split(":"));
  const path = lines.find(([, controllers]) => (controllers ?? "").split(",").includes(controller))?.[2] ?? "/";
  const names = path.split("/").filter((name) => name !== "" && name !== "..");
  const top = controller === "" ? ROOT : `${ROOT}/${controller}`;
  return Array.from({ length: names.length + 1 }, (_, i) => [top, ...names.slice(0, names.length - i)].join("/"));
}

type MemoryLimit = Required<Pick<CgroupLimits, "memoryBytes">> & Pick<CgroupLimits, "memoryUsedBytes">;

function memoryOf(group: string, isV2: boolean, read: ReadText): MemoryLimit[] {
  const memoryBytes = bytes(read(`${group}/${isV2 ? "memory.max" : "memory.limit_in_bytes"}`));
  const memoryUsedBytes = bytes(read(`${group}/${isV2 ? "memory.current" : "memory.usage_in_bytes"}`));
  if (memoryBytes === undefined) return [];
  return [{ memoryBytes, ...(memoryUsedBytes === undefined ? {} : { memoryUsedBytes }) }];
}

function cpusOf(group: string, isV2: boolean, read: ReadText): number | undefined {
  if (isV2) {
    // `QUOTA PERIOD` in microseconds, or `max PERIOD`.
    const [quota, period] = (read(`${group}/cpu.max`) ?? "").trim().split(/\s+/);
    return ratio(Number(quota), Number(period));
  }
  const quota = Number(read(`${group}/cpu.cfs_quota_us`) ?? Number.NaN);
  return ratio(quota, Number(read(`${group}/cpu.cfs_period_us`) ?? Number.NaN));
}

function ratio(quota: number, period: number): number | undefined {
  return quota > 0 && period > 0 ? quota / period : undefined;
}

/** A byte count; v1 says "no limit" with a number near 2^63, v2 with the word max. */
function bytes(text: string | undefined): number | undefined {
  const count = Number((text ?? "").trim());
  return count > 0 && count < Number.MAX_SAFE_INTEGER ? count : undefined;
}

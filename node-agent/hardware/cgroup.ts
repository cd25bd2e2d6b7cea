import { systemFiles } from "./read-text.ts";

/** Reads one of the kernel's files; undefined where there is none. */
export type ReadText = (path: string) => string | undefined;

export interface CgroupLimits {
  /** Processors' worth of time, perhaps a fraction; absent if not limited. */
  cpus?: number;
  memoryBytes?: number;
  memoryUsedBytes?: number;
}

/** What a container or service manager lets this process have (cgroup v2, else v1); empty where nothing is limited. */
export function readCgroup(read: ReadText = (path) => systemFiles.read(path)): CgroupLimits {
  const v2 = read("/sys/fs/cgroup/cgroup.controllers") !== undefined;
  const cpus = v2 ? cpusV2(read("/sys/fs/cgroup/cpu.max")) : cpusV1(read);
  const memory = "/sys/fs/cgroup/memory";
  const memoryBytes = limit(read(v2 ? `${memory}.max` : `${memory}/memory.limit_in_bytes`));
  const memoryUsedBytes = limit(read(v2 ? `${memory}.current` : `${memory}/memory.usage_in_bytes`));
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(memoryUsedBytes === undefined ? {} : { memoryUsedBytes }),
  };
}

/** `QUOTA PERIOD` in microseconds, or `max PERIOD`. */
function cpusV2(text: string | undefined): number | undefined {
  const [quota, period] = (text ?? "").trim().split(/\s+/);
  return ratio(Number(quota), Number(period));
}

function cpusV1(read: ReadText): number | undefined {
  const quota = Number(read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") ?? Number.NaN);
  return ratio(quota, Number(read("/sys/fs/cgroup/cpu/cpu.cfs_period_us") ?? Number.NaN));
}

function ratio(quota: number, period: number): number | undefined {
  return quota > 0 && period > 0 ? quota / period : undefined;
}

/** A byte count; v1 says "no limit" with a number near 2^63, v2 with the word max. */
function limit(text: string | undefined): number | undefined {
  const bytes = Number((text ?? "").trim());
  return bytes > 0 && bytes < Number.MAX_SAFE_INTEGER ? bytes : undefined;
}

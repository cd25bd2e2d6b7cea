import type { SystemFiles } from "./read-text.ts";

const SYSTEM = "/sys/devices/system/cpu";
/** Cores slower than this share of the fastest are of another kind: cores of one kind differ by a tenth or two. */
const SAME_KIND = 0.6;
const MAX_CPUS = 4096;

/**
 * Logical processors of the fast cores of a hybrid processor on Linux; undefined where all are alike or nothing is told. A parallel
 * kernel waits for its slowest thread, so the slow ones do not help.
 */
export function fastCpus(files: SystemFiles): Set<number> | undefined {
  // Intel's hybrid processors have a device for each kind of core.
  const cores = parseCpuList(files.read("/sys/devices/cpu_core/cpus") ?? "");
  if (cores.size > 0) return parseCpuList(files.read("/sys/devices/cpu_atom/cpus") ?? "").size > 0 ? cores : undefined;
  // Arm and newer kernels tell how much each can do; AMD tells the highest step of its clock.
  return fastest(files, "cpu_capacity") ?? fastest(files, "acpi_cppc/highest_perf");
}

function fastest(files: SystemFiles, file: string): Set<number> | undefined {
  const rated = files.list(SYSTEM).flatMap((name): [number, number][] => {
    const id = /^cpu(\d+)$/.exec(name)?.[1];
    const rating = Number(files.read(`${SYSTEM}/${name}/${file}`) ?? Number.NaN);
    return id === undefined || !(rating > 0) ? [] : [[Number(id), rating]];
  });
  const best = Math.max(...rated.map(([, rating]) => rating));
  const fast = rated.filter(([, rating]) => rating >= best * SAME_KIND);
  return fast.length === rated.length ? undefined : new Set(fast.map(([id]) => id));
}

/** Reads the kernel's lists such as `0-3,8,10-11`. */
export function parseCpuList(text: string): Set<number> {
  const ids = new Set<number>();
  for (const part of text.trim().split(",")) {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined) continue;
    for (let id = Number(first); id <= Math.min(Number(last ?? first), MAX_CPUS); id++) ids.add(id);
  }
  return ids;
}

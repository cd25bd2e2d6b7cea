import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A group of processes that the kernel holds to a limit, inside of the one this process is in. */
export interface MemoryLimit {
  /** Where a process writes its id to be in it. */
  procs: string;
  /** Most that was in use at once, the page cache of files they read included. */
  peakBytes(): number;
  /** Processes that the kernel ended for want of memory. */
  killed(): number;
  remove(): void;
}

const ROOT = "/sys/fs/cgroup";

/** Makes one (cgroup v2 or v1); undefined where this user may not. */
export function createMemoryLimit(limitBytes: number): MemoryLimit | undefined {
  try {
    const own = readFileSync("/proc/self/cgroup", "utf8").split("\n");
    const v1 = own.find((line) => line.split(":")[1]?.split(",").includes("memory"));
    const isV2 = v1 === undefined;
    const path = (isV2 ? own.find((line) => line.startsWith("0::")) : v1)?.split(":")[2] ?? "/";
    const folder = join(ROOT, isV2 ? "" : "memory", path, `small-machine-${process.pid}`);
    mkdirSync(folder);
    const file = (name: string) => join(folder, name);
    try {
      writeFileSync(file(isV2 ? "memory.max" : "memory.limit_in_bytes"), String(limitBytes));
    } catch (error) {
      rmdirSync(folder);
      throw error;
    }
    const killed = /^oom_kill (\d+)$/m;
    return {
      procs: file("cgroup.procs"),
      peakBytes: () => Number(readFileSync(file(isV2 ? "memory.peak" : "memory.max_usage_in_bytes"), "utf8")),
      killed: () => {
        const events = readFileSync(file(isV2 ? "memory.events" : "memory.oom_control"), "utf8");
        return Number(killed.exec(events)?.[1] ?? 0);
      },
      remove: () => rmdirSync(folder),
    };
  } catch {
    return undefined;
  }
}

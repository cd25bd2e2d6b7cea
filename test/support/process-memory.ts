import { readdirSync, readFileSync } from "node:fs";

export interface ProcessMemory {
  pid: number;
  name: string;
  /** Its own memory and its share of what it has in common with others (Pss): these add up. */
  bytes: number;
  /** The part that is no file's: it cannot be dropped and read again. */
  privateBytes: number;
}

/** A process and all that descend from it, as Linux counts them. */
export function memoryOfTree(root: number): ProcessMemory[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = /^PPid:\s*(\d+)$/m.exec(readText(`/proc/${name}/status`))?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const descends = (pid: number): boolean =>
    pid === root || ((parents.get(pid) ?? 0) > 1 && descends(parents.get(pid) ?? 0));
  return [...parents.keys()].filter(descends).map(memoryOf);
}

function memoryOf(pid: number): ProcessMemory {
  const rollup = readText(`/proc/${pid}/smaps_rollup`);
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s*(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) * 1024;
  const command = readText(`/proc/${pid}/cmdline`).split("\0");
  const script = command
    .find((word) => /\.(ts|js|mjs)$/.test(word))
    ?.split("/")
    .slice(-2)
    .join("/");
  return {
    pid,
    name: script ?? command[0]?.split("/").at(-1) ?? String(pid),
    bytes: bytes("Pss"),
    privateBytes: bytes("Pss_Anon"),
  };
}

/** Empty for a process that has just ended. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

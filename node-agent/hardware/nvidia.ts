import { type Gpu, gpu } from "./gpu.ts";
import type { SystemFiles } from "./read-text.ts";

/** What `parseNvidiaSmi` reads. */
export const NVIDIA_SMI_ARGS = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"];

const MIB = 1024 ** 2;

/** Reads nvidia-smi's answer: a line a card, memory in MiB or `[N/A]`. */
export function parseNvidiaSmi(text: string): Gpu[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(",").map((field) => field.trim());
    // An error is a sentence on stdout.
    if (fields.length !== 3) return [];
    const [name, memory, driver] = fields;
    const found = gpu({ vendor: "nvidia", name, memoryBytes: Number(memory) * MIB, driver });
    return found === undefined ? [] : [found];
  });
}

const PROC = "/proc/driver/nvidia";

/** What the kernel driver says on Linux; it starts no program, and does not tell the memory. */
export function readNvidiaProc(files: SystemFiles): Gpu[] {
  const driver = /Kernel Module(?: for \S+)?\s+([\d.]+)/.exec(files.read(`${PROC}/version`) ?? "")?.[1];
  return files.list(`${PROC}/gpus`).flatMap((card) => {
    const information = files.read(`${PROC}/gpus/${card}/information`) ?? "";
    const name = /^Model:\s*(.+)$/m.exec(information)?.[1];
    const found = gpu({ vendor: "nvidia", name, memoryBytes: undefined, driver });
    return found === undefined ? [] : [found];
  });
}

import { open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { z } from "zod";
import { runTool } from "./run-tool.ts";

/** A shared library that the loader finds. */
const librarySchema = z.object({ version: z.string().max(32), path: z.string().max(4096) });
export type Library = z.infer<typeof librarySchema>;

export const cudaSchema = z.object({
  /** CUDA runtimes (libcudart) and cuDNNs on the loader's paths. */
  runtimes: z.array(librarySchema),
  cudnns: z.array(librarySchema),
  /** ONNX Runtime's own libraries; `cudaMajor` is the CUDA that they were built for. */
  provider: z.object({ cudaMajor: z.number().int().positive().optional(), tensorrt: z.boolean() }).optional(),
});
export type Cuda = z.infer<typeof cudaSchema>;

const MAX_LIBRARIES = 16;
const WANTED = { runtimes: /^libcudart\.so\.([\d.]+)$/, cudnns: /^libcudnn\.so\.([\d.]+)$/ } as const;

/** Lines of `ldconfig -p`: `name (what it is) => path`. */
export function parseLdconfig(text: string): { name: string; path: string }[] {
  return text.split("\n").flatMap((line) => {
    const [, name, path] = /^\s*(\S+) \(.*\) => (\S+)\s*$/.exec(line) ?? [];
    return name === undefined || path === undefined ? [] : [{ name, path }];
  });
}

/** Picks the CUDA runtimes and cuDNNs out of libraries; each version once, the first found. */
export function cudaLibraries(libraries: readonly { name: string; path: string }[]): Pick<Cuda, "runtimes" | "cudnns"> {
  const pick = (pattern: RegExp): Library[] => {
    const byVersion = new Map<string, Library>();
    for (const { name, path } of libraries) {
      const version = pattern.exec(name)?.[1];
      if (version !== undefined && !byVersion.has(version)) byVersion.set(version, { version, path });
    }
    return [...byVersion.values()].slice(0, MAX_LIBRARIES);
  };
  return { runtimes: pick(WANTED.runtimes), cudnns: pick(WANTED.cudnns) };
}

/** Looks for CUDA on Linux: the loader's cache, LD_LIBRARY_PATH, and what is beside ONNX Runtime's binary. Never throws. */
export async function readCuda(ldLibraryPath = process.env["LD_LIBRARY_PATH"] ?? ""): Promise<Cuda> {
  const named = async (folder: string) =>
    (await readdir(folder).catch(() => [])).map((name) => ({ name, path: join(folder, name) }));
  const folders = ldLibraryPath.split(":").filter((folder) => folder !== "");
  const [own, ...set] = await Promise.all([onnxRuntimeFolder(), ...folders].map((folder) => named(folder)));
  const cache = parseLdconfig((await runTool("/sbin/ldconfig", ["-p"])) ?? "");
  const found = cudaLibraries([...set.flat(), ...cache]);
  const library = own?.find(({ name }) => name === "libonnxruntime_providers_cuda.so");
  if (library === undefined) return found;
  const cudaMajor = await builtFor(library.path);
  const tensorrt = own?.some(({ name }) => name === "libonnxruntime_providers_tensorrt.so") ?? false;
  return { ...found, provider: { tensorrt, ...(cudaMajor === undefined ? {} : { cudaMajor }) } };
}

/** Where onnxruntime-node keeps the native libraries of this platform; empty where it is not installed. */
function onnxRuntimeFolder(): string {
  try {
    const main = createRequire(import.meta.url).resolve("onnxruntime-node");
    return join(dirname(dirname(main)), "bin", "napi-v6", process.platform, process.arch);
  } catch {
    return "";
  }
}

const CHUNK_BYTES = 4 * 1024 * 1024;
/** The names of needed libraries are near the beginning; the rest are hundreds of MB of kernels. */
const MAX_CHUNKS = 16;
const NEEDED = /lib(?:cudart|cublas|cublasLt)\.so\.(\d+)/;
/** Longer than any such name: one may lie across two chunks. */
const OVERLAP = 64;

/** The CUDA major that a provider library asks the loader for, by the name of its cuBLAS or CUDA runtime. */
export async function builtFor(path: string): Promise<number | undefined> {
  try {
    await using file = await open(path);
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let tail = "";
    for (let i = 0; i < MAX_CHUNKS; i++) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, i * CHUNK_BYTES);
      const text = tail + buffer.toString("latin1", 0, bytesRead);
      const major = NEEDED.exec(text)?.[1];
      if (major !== undefined) return Number(major);
      if (bytesRead < CHUNK_BYTES) return undefined;
      tail = text.slice(-OVERLAP);
    }
    return undefined;
  } catch {
    return undefined;
  }
}

import { createHash } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { isGguf } from "./model-files.ts";
import { GENAI_CONFIG } from "./onnx/files.ts";

/** Files up to this size are hashed whole: well under a tenth of a second. */
const WHOLE_FILE_BYTES = 64 * 1024 * 1024;
/** Of larger ones, evenly spread samples: any training or quantisation step changes all of them. */
const SAMPLES = 256;
const SAMPLE_BYTES = 4096;
/** What is read at a time of a file that is hashed whole. */
const PIECE_BYTES = 64 * 1024;

/**
 * A short name for the content of a model folder or GGUF file: two folders with the same weights and configuration have the same one. Weights of large
 * files are sampled, together with their size and time of change.
 */
export async function fingerprintModel(folder: string): Promise<string> {
  return await fingerprintFiles(await filesOf(folder));
}

/** The same of any files. */
export async function fingerprintFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths.toSorted()) {
    const name = basename(path);
    await using file = await open(path);
    const { size, mtimeMs } = await file.stat();
    hash.update(JSON.stringify([name, size, size > WHOLE_FILE_BYTES ? mtimeMs : 0]));
    const whole = size <= WHOLE_FILE_BYTES;
    const [count, length] = whole ? [Math.ceil(size / PIECE_BYTES), PIECE_BYTES] : [SAMPLES, SAMPLE_BYTES];
    const stride = whole ? length : (size - length) / (count - 1);
    const buffer = new Uint8Array(length);
    for (let i = 0; i < count; i++) {
      const { bytesRead } = await file.read(buffer, 0, length, Math.floor(i * stride));
      hash.update(buffer.subarray(0, bytesRead));
    }
  }
  return hash.digest("hex");
}

async function filesOf(path: string): Promise<string[]> {
  if (isGguf(path)) return [path];
  // Ready-made graphs may lie in a folder of their own.
  const [names, graphs] = await Promise.all([readdir(path), readdir(join(path, "onnx")).catch(() => [])]);
  return [...names, ...graphs.map((name) => join("onnx", name))]
    .filter((name) => name === "config.json" || name === GENAI_CONFIG || /\.(?:safetensors|onnx)/u.test(name))
    .map((name) => join(path, name));
}

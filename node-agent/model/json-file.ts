import { open } from "node:fs/promises";
import { isDeeperThan } from "../../shared/api/json-depth.ts";
import { modelError } from "./model-error.ts";

/** No honest configuration is larger. */
const MAX_CONFIG_BYTES = 1024 * 1024;
const MAX_DEPTH = 64;

/** Parses a JSON file; undefined if there is none. Throws `model_load_failed`, also for one larger than `maxBytes`. */
export async function readJson(path: string, maxBytes = MAX_CONFIG_BYTES): Promise<unknown> {
  const text = await readTextFile(path, maxBytes);
  if (text === undefined) return undefined;
  // What reads it may recurse.
  if (isDeeperThan(new TextEncoder().encode(text), MAX_DEPTH)) throw modelError(`${path} is nested too deeply.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw modelError(`${path} is not valid JSON: download the model again.`, error);
  }
}

/** Reads a UTF-8 file; undefined if there is none. Throws `model_load_failed`. */
export async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > maxBytes) throw modelError(`${path} has ${size} bytes, more than any honest one (${maxBytes}).`);
    return await file.readFile("utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    if (error instanceof Error && "code" in error && error.code === "model_load_failed") throw error;
    throw modelError(`${path} could not be read.`, error);
  }
}

import { readFile } from "node:fs/promises";
import { modelError } from "./model-error.ts";

/** No honest configuration is larger. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Parses a JSON file; undefined if there is none. Throws `model_load_failed`. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw modelError(`${path} could not be read.`, error);
  }
  if (text.length > MAX_CONFIG_BYTES) throw modelError(`${path} is larger than any configuration should be.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw modelError(`${path} is not valid JSON.`, error);
  }
}

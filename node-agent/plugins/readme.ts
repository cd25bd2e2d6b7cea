import { readFile } from "node:fs/promises";
import { join } from "node:path";

const README = "README.md";

/** A plugin's README as a file of its package: the market shows it. */
export async function readmeOf(folder: string): Promise<Map<string, Uint8Array>> {
  const readme = await readFile(join(folder, README)).catch(() => undefined);
  return new Map(readme === undefined ? [] : [[README, new Uint8Array(readme)]]);
}

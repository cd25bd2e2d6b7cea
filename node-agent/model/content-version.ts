import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isGguf } from "./model-files.ts";
import { filesUnder } from "./store/file-system.ts";
import { MANIFEST_FILE } from "./store/manifest.ts";

/**
 * A short name for the state of a model folder or GGUF file, which is another one when its files are: told by their names, sizes and times,
 * without reading them. Throws where there is nothing.
 */
export async function contentVersion(path: string): Promise<string> {
  // A manifest only tells of the other files.
  const names = isGguf(path) ? [""] : (await filesUnder(path)).filter((name) => name !== MANIFEST_FILE);
  const states = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(path, name));
      return [name, size, mtimeMs];
    }),
  );
  return createHash("sha256").update(JSON.stringify(states)).digest("hex").slice(0, 16);
}

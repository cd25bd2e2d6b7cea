import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { listLocalModels } from "../../node-agent/model/registry.ts";
import { pullModel, type PullOptions } from "../../node-agent/model/pull/pull.ts";
import type { StoredVersion } from "../../node-agent/model/store/commit.ts";
import { parseSource } from "../../node-agent/model/pull/source.ts";
import type { TestHub } from "./hub-server.ts";

/** Waits of a test: a try follows a failure at once. */
export const HASTY = { firstMs: 1, maxMs: 4, attempts: 5, longestAskedMs: 5_000 };
export const PART_BYTES = 16 * 1024;

/** Pulls `text` from a test's hub into `modelsDir` in small parts. */
export async function pullFrom(
  hub: TestHub,
  modelsDir: string,
  options: Partial<PullOptions> & { source?: string } = {},
): Promise<StoredVersion> {
  const { source = "acme/tiny", ...more } = options;
  const parsed = parseSource(source, options.endpoint ?? hub.endpoint);
  if (parsed.kind === "path") throw new TypeError("A hub has no paths.");
  return await pullModel(parsed, {
    modelsDir,
    endpoint: hub.endpoint,
    retry: HASTY,
    partBytes: PART_BYTES,
    idleMs: 2_000,
    ...more,
  });
}

/** What the registry lists, and everything else that can be seen in a models folder. */
export async function visibleModels(modelsDir: string): Promise<string[]> {
  const listed = await listLocalModels({ folders: [modelsDir] });
  const seen = (await readdir(modelsDir).catch(() => [])).filter((name) => !name.startsWith("."));
  return [...new Set([...seen, ...listed.map(({ name }) => name)])];
}

/** The names of those files of a model that differ from the hub's. */
export async function differences(folder: string, files: Record<string, Uint8Array>): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name !== "porchlight.json");
  const same = await Promise.all(
    names.map(async (name) => Buffer.compare(await readFile(join(folder, name)), files[name] ?? Buffer.alloc(0)) === 0),
  );
  return names.filter((_, index) => !same[index]);
}

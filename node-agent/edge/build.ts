import { execFile } from "node:child_process";
import { mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Folder of the checkout or package. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const DIST = join(ROOT, "dist");
/** What the embedded edge starts from: the bundled Worker and its bindings, as wrangler.toml states them. */
export const EDGE_BUNDLE = join(DIST, "edge", "index.js");
export const EDGE_OPTIONS = join(DIST, "edge", "worker-options.json");

const SOURCES = ["edge", "shared", "wrangler.toml", "package-lock.json", "node-agent/edge/build.ts"];
const QUIET = { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" };

/** Bundles the Worker with wrangler (so that it is what `wrangler deploy` would upload) and saves its bindings beside it. */
export async function buildEdge(): Promise<void> {
  await mkdir(join(DIST, "assets"), { recursive: true });
  const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  const flags = ["deploy", "--dry-run", "--outdir", join("dist", "edge")];
  try {
    await promisify(execFile)(process.execPath, [wrangler, ...flags], { cwd: ROOT, env: { ...process.env, ...QUIET } });
  } catch (error) {
    const output = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    throw new Error(`The Worker could not be built:\n${output}`, { cause: error });
  }
  const { unstable_getMiniflareWorkerOptions } = await import("wrangler");
  const { workerOptions } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"));
  const draft = `${EDGE_OPTIONS}.${process.pid}`;
  // Paths are kept relative: the folder may move after the build. No loader: workerd alone holds what it loads to no limits.
  await writeFile(
    draft,
    JSON.stringify({ ...workerOptions, rootPath: undefined, workerLoaders: undefined }, relativePaths),
  );
  await rename(draft, EDGE_OPTIONS);
}

/** Builds if there is no build, or if a source is newer than it. Returns whether it built. */
export async function buildEdgeIfNeeded(): Promise<boolean> {
  const built = await stat(EDGE_OPTIONS).catch(() => undefined);
  if (built && (await newestMtimeMs(SOURCES.map((source) => join(ROOT, source)))) <= built.mtimeMs) return false;
  await buildEdge();
  return true;
}

function relativePaths(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.startsWith(dirname(DIST)) ? relative(ROOT, value) : value;
}

async function newestMtimeMs(paths: string[]): Promise<number> {
  let newest = 0;
  for (const path of paths) {
    const info = await stat(path).catch(() => undefined);
    if (!info) continue;
    const inside = info.isDirectory() ? (await readdir(path)).map((name) => join(path, name)) : [];
    newest = Math.max(newest, info.mtimeMs, await newestMtimeMs(inside));
  }
  return newest;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildEdge();

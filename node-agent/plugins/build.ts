import { readFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PorchlightError } from "../../shared/errors.ts";
import { type Manifest, manifestDraftSchema } from "../../shared/plugin/manifest.ts";
import { completeManifest } from "../../shared/plugin/package.ts";

const SDK = fileURLToPath(new URL("../../shared/plugin/index.ts", import.meta.url));

/** A plugin's folder as what a package holds: its entry as one module, and the files that the entry imports beside it. */
export async function buildPlugin(folder: string): Promise<{ manifest: Manifest; files: Map<string, Uint8Array> }> {
  const draft = manifestDraftSchema.safeParse(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")));
  if (!draft.success) {
    const [issue] = draft.error.issues;
    throw new PorchlightError("plugin_invalid", `manifest.json, ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [join(folder, draft.data.entry)],
    bundle: true,
    format: "esm",
    target: "es2024",
    platform: "browser",
    conditions: ["workerd", "worker", "browser"],
    alias: { "porchlight/plugin": SDK },
    loader: { ".wasm": "copy", ".gz": "copy", ".bin": "copy" },
    assetNames: "[name]-[hash]",
    outdir: join(folder, "dist"),
    write: false,
    logLevel: "silent",
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), new Uint8Array(contents)]));
  const entry = `${basename(draft.data.entry, extname(draft.data.entry))}.js`;
  return { manifest: await completeManifest({ ...draft.data, entry }, files), files };
}

import { readFile } from "node:fs/promises";
import { basename, extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { type Manifest, type ManifestDraft, manifestDraftSchema } from "../../shared/plugin/manifest.ts";
import { completeManifest } from "../../shared/plugin/package.ts";

const SDK = fileURLToPath(new URL("../../shared/plugin/index.ts", import.meta.url));

/**
 * A plugin's folder as what a package holds: its entry as one module, the files that the entry imports beside it, and `extra` ones. Throws
 * PorchlightError `plugin_invalid`, with the place in the source.
 */
export async function buildPlugin(
  folder: string,
  extra: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<{ manifest: Manifest; files: Map<string, Uint8Array> }> {
  const draft = await readDraft(folder);
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [join(folder, draft.entry)],
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
  }).catch((error: unknown) => {
    throw invalid(failureWords(folder, error));
  });
  const built = outputFiles.map(({ path, contents }) => [basename(path), new Uint8Array(contents)] as const);
  const files = new Map([...extra, ...built]);
  const entry = `${basename(draft.entry, extname(draft.entry))}.js`;
  return { manifest: await completeManifest({ ...draft, entry }, files), files };
}

async function readDraft(folder: string): Promise<ManifestDraft> {
  const text = await readFile(join(folder, "manifest.json"), "utf8").catch(() => {
    throw invalid(`There is no manifest.json in ${folder}. Begin a plugin: porchlight plugin new @ada/weather`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`manifest.json is not valid JSON: ${error instanceof Error ? error.message : ""}`);
  }
  const parsed = manifestDraftSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`manifest.json, ${issue?.path.join(".") || "as a whole"}: ${issue?.message}`);
}

const failureSchema = z.object({
  errors: z.array(
    z.object({
      text: z.string(),
      location: z.object({ file: z.string(), line: z.number(), column: z.number() }).nullable(),
    }),
  ),
});

/** What esbuild found, each with its file, line and column. */
function failureWords(folder: string, error: unknown): string {
  const parsed = failureSchema.safeParse(error);
  if (!parsed.success) return error instanceof Error ? error.message : String(error);
  return parsed.data.errors
    .map(({ text, location }) => {
      if (location === null) return text;
      const file = relative(folder, resolve(location.file));
      return `${file}:${location.line}:${location.column + 1}: ${text}`;
    })
    .join("\n");
}

function invalid(message: string): PorchlightError {
  return new PorchlightError("plugin_invalid", message);
}

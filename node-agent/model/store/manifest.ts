import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** In each model folder that was pulled: where it came from and what it must consist of. */
export const MANIFEST_FILE = "porchlight.json";

/** A manifest names every file by its content, so that a store of shared blobs can take the folder over as it is. */
export const manifestSchema = z.object({
  version: z.literal(1),
  source: z.string().min(1).max(4096),
  /** The hub's commit; absent where the source has none. */
  revision: z.string().max(128).optional(),
  pulledAt: z.iso.datetime(),
  files: z
    .array(
      z.object({
        name: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}$/),
        bytes: z.number().int().nonnegative(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1)
    .max(10_000),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** The manifest of a model folder; undefined where there is none that can be read. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const text = await readFile(join(folder, MANIFEST_FILE), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const json = z.string().transform((raw, context): unknown => {
    try {
      return JSON.parse(raw);
    } catch {
      context.addIssue("no JSON");
      return z.NEVER;
    }
  });
  return json.pipe(manifestSchema).safeParse(text).data;
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
}

import { createHash } from "node:crypto";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** In each version's folder, and in each folder that was pulled before there was a store: what it consists of and where it came from. */
export const MANIFEST_FILE = "porchlight.json";
/** Fifty thousand tensors fit. */
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
const MAX_TENSORS = 50_000;

const SEGMENT = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}";
/** A file of a model: at most two folders deep, nothing hidden, nothing that leads elsewhere. */
const FILE_NAME = new RegExp(`^${SEGMENT}(?:/${SEGMENT}){0,2}$`);

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
const bytesSchema = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

/** One tensor's bytes in a file: what two versions of a file have in common can be told from these. */
const tensorSchema = z.object({
  name: z.string().min(1).max(1024),
  /** From the beginning of the file. */
  offset: bytesSchema,
  bytes: bytesSchema,
  sha256: sha256Schema,
});
export type TensorHash = z.infer<typeof tensorSchema>;

const fileSchema = z.object({
  name: z.string().refine(isFileName),
  bytes: bytesSchema,
  sha256: sha256Schema,
  /** Of a safetensors or GGUF file, in the order of their offsets; absent where the file could not be read as one. */
  tensors: z.array(tensorSchema).max(MAX_TENSORS).optional(),
});
export type ManifestFile = z.infer<typeof fileSchema>;

/** Names every file by its content: the store keeps one blob for each content. */
export const manifestSchema = z.object({
  version: z.literal(1),
  source: z.string().min(1).max(4096),
  /** The hub's commit, or what an address calls its version; absent where the source has none. */
  revision: z.string().max(128).optional(),
  pulledAt: z.iso.datetime(),
  files: z.array(fileSchema).min(1).max(10_000).refine(haveRoom),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** Whether a model's file can be called so, relative to the model's folder. */
export function isFileName(name: string): boolean {
  return FILE_NAME.test(name) && name.toLowerCase() !== MANIFEST_FILE;
}

/** Whether these can be the files of one model. */
export function canBeTogether(files: readonly { name: string }[]): boolean {
  return files.every(({ name }) => isFileName(name)) && haveRoom(files);
}

/** Some file systems do not tell upper case from lower, and none lets a file be a folder. */
function haveRoom(files: readonly { name: string }[]): boolean {
  const names = new Set(files.map(({ name }) => name.toLowerCase()));
  const parents = [...names].flatMap((name) => name.split("/").map((_, depth, all) => all.slice(0, depth).join("/")));
  return names.size === files.length && !parents.some((parent) => names.has(parent));
}

/** Twelve hex digits that are the same for the same files with the same content, wherever they came from. */
export function versionId(files: readonly Pick<ManifestFile, "name" | "bytes" | "sha256">[]): string {
  const lines = files.map(({ name, bytes, sha256 }) => `${sha256} ${bytes} ${name}\n`).toSorted();
  return createHash("sha256").update(lines.join("")).digest("hex").slice(0, 12);
}

/** The manifest of a model folder; undefined where there is none that can be read. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, MANIFEST_FILE);
  const size = await stat(path).then(
    (entry) => entry.size,
    () => undefined,
  );
  if (size === undefined || size > MAX_MANIFEST_BYTES) return undefined;
  const text = await readFile(path, "utf8").catch(() => undefined);
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

/** Writes a folder's manifest in one step. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const draft = join(folder, `.${MANIFEST_FILE}.${crypto.randomUUID()}`);
  // One line: a file of a thousand tensors would have five thousand.
  await writeFile(draft, `${JSON.stringify(manifest)}\n`, { flush: true });
  await rename(draft, join(folder, MANIFEST_FILE));
}

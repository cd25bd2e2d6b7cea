import { PorchlightError } from "../errors.ts";
import { concatBytes } from "../bytes.ts";
import { canonicalJson } from "./canonical.ts";
import { toHex } from "./hex.ts";
import { MOST_MANIFEST_BYTES, MOST_PACKAGE_BYTES } from "./limits.ts";
import { type Manifest, type ManifestDraft, manifestSchema } from "./manifest.ts";
import { manifestBytes, readSignature, type PublisherSignature } from "./signature.ts";
import { readArchive, writeArchive } from "./archive.ts";

const MANIFEST = "manifest.json";
const SIGNATURE = "signature.json";
const utf8 = new TextEncoder();

/** Beginnings of formats that a package is not. */
const OTHER_FORMATS: readonly (readonly [name: string, magic: readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["a zip file", [0x50, 0x4b, 0x03, 0x04]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["7z", [0x37, 0x7a, 0xbc, 0xaf]],
];

export interface PluginPackage {
  manifest: Manifest;
  /** Every file that the manifest names, by its path. */
  files: ReadonlyMap<string, Uint8Array>;
  signature: PublisherSignature | undefined;
  /** SHA-256 (hex) of the canonical manifest, which names every file's hash: what consent and the store go by. */
  hash: string;
}

/** The whole manifest of these files. Throws PorchlightError `plugin_invalid`. */
export async function completeManifest(
  draft: ManifestDraft,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<Manifest> {
  const paths = [...files.keys()].toSorted();
  const listed = await Promise.all(
    paths.map(async (path) => {
      const bytes = files.get(path) ?? new Uint8Array();
      return { path, bytes: bytes.length, sha256: await sha256(bytes) };
    }),
  );
  return parseManifest({ ...draft, files: listed });
}

/** The same bytes for the same content, whoever packs it and when. */
export function writePackage(
  manifest: Manifest,
  files: ReadonlyMap<string, Uint8Array>,
  signature?: PublisherSignature,
): Uint8Array<ArrayBuffer> {
  const entries: [string, Uint8Array][] = [[MANIFEST, manifestBytes(manifest)]];
  if (signature !== undefined) entries.push([SIGNATURE, utf8.encode(JSON.stringify(signature))]);
  for (const { path } of manifest.files) entries.push([path, files.get(path) ?? new Uint8Array()]);
  const bytes = new Uint8Array(concatBytes([writeArchive(entries)]));
  if (bytes.length > MOST_PACKAGE_BYTES) throw invalid("The package is larger than 20 MiB.");
  return bytes;
}

/**
 * Takes a package apart and holds it to its manifest: every file is there with its size and hash, in its order, and none besides. Nothing
 * in it is compressed by the format, so nothing can grow. A signature is read, not judged. Throws PorchlightError `plugin_invalid`.
 */
export async function readPackage(bytes: Uint8Array): Promise<PluginPackage> {
  if (bytes.length > MOST_PACKAGE_BYTES) throw invalid("The package is larger than 20 MiB.");
  const other = OTHER_FORMATS.find(([, magic]) => magic.every((byte, at) => bytes[at] === byte));
  if (other !== undefined)
    throw invalid(`This is ${other[0]}. A package is never compressed: send it as it was packed.`);
  const entries = readArchive(bytes);
  const manifestText = entries.get(MANIFEST);
  if (manifestText === undefined) throw invalid("The package has no manifest.json.");
  if (manifestText.length > MOST_MANIFEST_BYTES) throw invalid("The manifest is larger than 512 KiB.");
  const manifest = parseManifest(parseJson(manifestText));
  if (new TextDecoder().decode(manifestText) !== canonicalJson(manifest))
    throw invalid("The manifest is not in its canonical form. Pack the plugin again.");
  const signatureText = entries.get(SIGNATURE);
  const signature = signatureText === undefined ? undefined : readSignature(parseJson(signatureText));
  const files = new Map([...entries].filter(([path]) => path !== MANIFEST && path !== SIGNATURE));
  if (files.size !== manifest.files.length) throw invalid("The package has other files than its manifest names.");
  for (const { path, bytes: size, sha256: wanted } of manifest.files) {
    const content = files.get(path);
    if (content === undefined || content.length !== size || (await sha256(content)) !== wanted)
      throw invalid(`'${path}' is not the file that the manifest names.`);
  }
  const order = [MANIFEST, ...(signature === undefined ? [] : [SIGNATURE]), ...manifest.files.map(({ path }) => path)];
  const isInOrder = [...entries.keys()].every((path, at) => path === order[at]);
  const isWritten =
    signatureText === undefined || new TextDecoder().decode(signatureText) === JSON.stringify(signature);
  if (!isInOrder || !isWritten) throw invalid("The package is not in its one form. Pack the plugin again.");
  return { manifest, files, signature, hash: await manifestHash(manifest) };
}

/** What consent is bound to: any change of any file changes it. */
export async function manifestHash(manifest: Manifest): Promise<string> {
  return await sha256(manifestBytes(manifest));
}

export function parseManifest(value: unknown): Manifest {
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`manifest.json, ${issue?.path.join(".") || "as a whole"}: ${issue?.message ?? "not valid"}`);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw invalid("A JSON file of the package is not valid JSON in UTF-8.");
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))));
}

function invalid(message: string): PorchlightError {
  return new PorchlightError("plugin_invalid", message);
}

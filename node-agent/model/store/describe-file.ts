import { hashFile } from "./file-hash.ts";
import type { ManifestFile } from "./manifest.ts";
import { tensorSpans } from "./tensor-spans.ts";

/** A file as a manifest names it; read once, from its first byte to its last. */
export async function describeFile(
  path: string,
  name: string,
  bytes: number,
  signal?: AbortSignal,
): Promise<ManifestFile> {
  const spans = await tensorSpans(path, name);
  const { sha256, tensors } = await hashFile(path, bytes, { spans: spans ?? [], ...(signal && { signal }) });
  return { name, bytes, sha256, ...(spans === undefined ? {} : { tensors }) };
}

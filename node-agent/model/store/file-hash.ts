import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

const READ_BYTES = 1024 * 1024;

/** SHA-256 of a file's content in hex, and its id in Git (SHA-1 over `blob SIZE\0` and the content), read once. */
export async function hashFile(
  path: string,
  bytes: number,
  signal?: AbortSignal,
): Promise<{ sha256: string; gitId: string }> {
  const sha256 = createHash("sha256");
  const git = createHash("sha1").update(`blob ${bytes}\0`);
  for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES, ...(signal && { signal }) })) {
    sha256.update(piece);
    git.update(piece);
  }
  return { sha256: sha256.digest("hex"), gitId: git.digest("hex") };
}

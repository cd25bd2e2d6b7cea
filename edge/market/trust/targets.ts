import { toHex } from "../../../shared/plugin/hex.ts";

/** The delegated role that names a path: 256 of them, by the first byte of its hash, so that one change signs little anew. */
export async function binOf(path: string): Promise<{ name: string; prefix: string }> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(path)));
  const prefix = toHex(hash.subarray(0, 1));
  return { name: `bin-${prefix}`, prefix };
}

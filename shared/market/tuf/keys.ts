import { concatBytes } from "../../bytes.ts";
import { toHex } from "../../plugin/hex.ts";
import { canonicalTuf } from "./canonical.ts";
import type { Signed, TufKey } from "./metadata.ts";

const utf8 = new TextEncoder();

/** A public key as metadata has it. `raw`: its 32 bytes. */
export function tufKey(raw: Uint8Array): TufKey {
  return { keytype: "ed25519", scheme: "ed25519", keyval: { public: toHex(raw) } };
}

/** SHA-256 (hex) of the key's canonical form. */
export async function keyIdOf(key: TufKey): Promise<string> {
  const bytes = utf8.encode(canonicalTuf(key));
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** The bytes that signatures are over. */
export function signedBytes(signed: unknown): Uint8Array<ArrayBuffer> {
  return new Uint8Array(concatBytes([utf8.encode(canonicalTuf(signed))]));
}

/** Whether as many different keys of a role signed as it asks for. Never a throw, for garbage. */
export async function isSigned(
  { raw, signatures }: Signed<unknown>,
  role: { keyids: readonly string[]; threshold: number },
  keys: Readonly<Record<string, TufKey>>,
): Promise<boolean> {
  const good = new Set<string>();
  for (const { keyid, sig } of signatures) {
    const key = keys[keyid];
    if (key === undefined || !role.keyids.includes(keyid)) continue;
    // By the key itself: one key under two ids counts once.
    if (await isGood(key, sig, raw)) good.add(key.keyval.public);
  }
  return good.size >= role.threshold;
}

async function isGood(key: TufKey, sig: string, signed: unknown): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey("raw", fromHex(key.keyval.public), "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, fromHex(sig), signedBytes(signed));
  } catch {
    return false; // no point of the curve, or a value that has no canonical form
  }
}

/** The bytes of an even number of digits. */
function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

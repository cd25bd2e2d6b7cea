import { toBase64Url, fromBase64Url } from "../../protocol/base64url.ts";
import type { SigningKey } from "../../protocol/signatures.ts";
import { toHex } from "../../plugin/hex.ts";
import { keyIdOf, signedBytes, tufKey } from "./keys.ts";
import type { TufKey } from "./metadata.ts";

/** Who signs metadata. */
export interface Signer {
  keyid: string;
  key: TufKey;
  privateKey: SigningKey;
}

/** A new key, as the text that is kept secret: PKCS #8 in base64url. */
export async function newSecretKey(): Promise<string> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new TypeError("Ed25519 makes pairs of keys.");
  const bytes = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
  if (!(bytes instanceof ArrayBuffer)) throw new TypeError("PKCS #8 is bytes.");
  return toBase64Url(new Uint8Array(bytes));
}

/** The signer that a secret text stands for; undefined where it is none. */
export async function readSigner(secret: string): Promise<Signer | undefined> {
  const bytes = fromBase64Url(secret.trim());
  if (bytes === undefined) return undefined;
  try {
    const privateKey = await crypto.subtle.importKey("pkcs8", bytes, "Ed25519", true, ["sign"]);
    const exported = await crypto.subtle.exportKey("jwk", privateKey);
    const raw = "x" in exported && typeof exported.x === "string" ? fromBase64Url(exported.x) : undefined;
    if (raw === undefined) return undefined;
    const key = tufKey(raw);
    return { keyid: await keyIdOf(key), key, privateKey };
  } catch {
    return undefined; // no key of this kind
  }
}

/** A file of metadata: what is signed, and the signatures of these. */
export async function signMetadata(signed: object, signers: readonly Signer[]): Promise<string> {
  const signatures = await Promise.all(
    signers.map(async ({ keyid, privateKey }) => {
      const signature = await crypto.subtle.sign("Ed25519", privateKey, signedBytes(signed));
      return { keyid, sig: toHex(new Uint8Array(signature)) };
    }),
  );
  return JSON.stringify({ signatures, signed });
}

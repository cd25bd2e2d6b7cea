import { toBase64Url } from "../../shared/protocol/base64url.ts";
import type { SigningKey } from "../../shared/protocol/signatures.ts";

/** A fresh agent key pair as the protocol uses it. */
export async function newAgentKeys(): Promise<{ publicKey: string; privateKey: SigningKey }> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) {
    throw new TypeError("Ed25519 gave no key pair.");
  }
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  return { publicKey: toBase64Url(new Uint8Array(raw)), privateKey: pair.privateKey };
}

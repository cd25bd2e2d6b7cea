import { z } from "zod";
import { PorchlightError } from "../errors.ts";
import { fromBase64Url, toBase64Url } from "../protocol/base64url.ts";
import type { SigningKey } from "../protocol/signatures.ts";
import { canonicalJson } from "./canonical.ts";
import type { Manifest } from "./manifest.ts";

/** Keeps a publisher's signature from being used for anything else. */
const LABEL = "porchlight plugin manifest v1\0";
const utf8 = new TextEncoder();

const publisherSignatureSchema = z.strictObject({
  algorithm: z.literal("Ed25519"),
  /** Base64url of the publisher's raw 32 bytes. */
  publicKey: z.string().length(43),
  /** Base64url of the 64 bytes over label and canonical manifest. */
  signature: z.string().length(86),
});

export type PublisherSignature = z.infer<typeof publisherSignatureSchema>;

/** The canonical bytes of a manifest (RFC 8785), which signatures and hashes are of. */
export function manifestBytes(manifest: Manifest): Uint8Array<ArrayBuffer> {
  return new Uint8Array(utf8.encode(canonicalJson(manifest)));
}

/** The publisher's word for this manifest and, by their hashes, all of its files. */
export async function signManifest(
  manifest: Manifest,
  { publicKey, privateKey }: { publicKey: SigningKey; privateKey: SigningKey },
): Promise<PublisherSignature> {
  const raw = await crypto.subtle.exportKey("raw", publicKey);
  if (!(raw instanceof ArrayBuffer)) throw new TypeError("The public key is none of Ed25519.");
  const signature = await crypto.subtle.sign("Ed25519", privateKey, signedBytes(manifest));
  return {
    algorithm: "Ed25519",
    publicKey: toBase64Url(new Uint8Array(raw)),
    signature: toBase64Url(new Uint8Array(signature)),
  };
}

/** Whether the owner of the key that it names signed this manifest. False, never a throw, for garbage. */
export async function verifyManifest(
  manifest: Manifest,
  { publicKey, signature }: PublisherSignature,
): Promise<boolean> {
  const [raw, signed] = [fromBase64Url(publicKey), fromBase64Url(signature)];
  if (raw?.length !== 32 || signed?.length !== 64) return false;
  try {
    const key = await crypto.subtle.importKey("raw", new Uint8Array(raw), "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, new Uint8Array(signed), signedBytes(manifest));
  } catch {
    return false; // 32 bytes that are no point of the curve
  }
}

/** Throws PorchlightError `plugin_invalid`. */
export function readSignature(value: unknown): PublisherSignature {
  const parsed = publisherSignatureSchema.safeParse(value);
  if (!parsed.success) throw new PorchlightError("plugin_invalid", "The package's signature.json is not a signature.");
  return parsed.data;
}

function signedBytes(manifest: Manifest): Uint8Array<ArrayBuffer> {
  return new Uint8Array(utf8.encode(LABEL + canonicalJson(manifest)));
}

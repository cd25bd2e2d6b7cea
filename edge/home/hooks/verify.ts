import { fromBase64 } from "../../../shared/base64.ts";
import { concatBytes } from "../../../shared/bytes.ts";
import { toHex } from "../../../shared/plugin/hex.ts";
import type { HookSignature } from "./hook.ts";
import { HOOK_LIMITS } from "./limits.ts";

/** What arrived, before anybody believes it. Names of headers are in small letters. */
export interface ArrivedMessage {
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

/** More than any sender needs while it changes its secret. */
const MOST_SIGNATURES = 8;
const PREFIX = "whsec_";
const utf8 = new TextEncoder();

/**
 * The id of a message that one of these secrets signed; undefined for any other. Every signature is held against every secret by the
 * platform's own constant-time comparison, so that the time it takes tells nothing of either.
 *
 * `standard` is Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, within five minutes of its time. `github` signs the body
 * alone: there the id is the body's digest, since no header can be believed. The library that signs what we send is not asked here: it hashes
 * in JavaScript, and whoever signs nothing may send as much as who does.
 */
export async function verifiedId(
  signature: HookSignature,
  message: ArrivedMessage,
  secrets: readonly string[],
  nowMs: number,
): Promise<string | undefined> {
  return signature === "standard" ? await standardId(message, secrets, nowMs) : await bodyDigest(message, secrets);
}

/** Whether a secret of this form can check anything. */
export function isUsableSecret(signature: HookSignature, secret: string): boolean {
  const key = keyOf(signature, secret);
  return key !== undefined && key.length >= 16;
}

async function standardId(
  { headers, body }: ArrivedMessage,
  secrets: readonly string[],
  nowMs: number,
): Promise<string | undefined> {
  const { "webhook-id": id = "", "webhook-timestamp": timestamp = "", "webhook-signature": list = "" } = headers;
  const isWhole =
    /^[\x21-\x7e]+$/.test(id) && id.length <= HOOK_LIMITS.messageIdCharacters && /^\d{1,12}$/.test(timestamp);
  if (!isWhole || list.length > 2_000) return undefined;
  const signatures = list
    .split(" ")
    .filter((one) => one.startsWith("v1,"))
    .slice(0, MOST_SIGNATURES)
    .map((one) => bytesOf(one.slice(3)));
  const signed = concatBytes([utf8.encode(`${id}.${timestamp}.`), body]);
  const isSigned = await isSignedByAny(
    signed,
    signatures,
    secrets.map((secret) => keyOf("standard", secret)),
  );
  const isTimely = Math.abs(nowMs - Number(timestamp) * 1000) <= HOOK_LIMITS.toleranceMs;
  return isSigned && isTimely ? id : undefined;
}

async function bodyDigest({ headers, body }: ArrivedMessage, secrets: readonly string[]): Promise<string | undefined> {
  const hex = /^sha256=([0-9a-f]{64})$/i.exec(headers["x-hub-signature-256"] ?? "")?.[1] ?? "";
  const signature = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const isSigned = await isSignedByAny(
    body,
    [signature],
    secrets.map((secret) => keyOf("github", secret)),
  );
  if (!isSigned) return undefined;
  return `sha256:${toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(body))))}`;
}

/** All of them are looked at, whichever is right. */
async function isSignedByAny(
  signed: Uint8Array,
  signatures: readonly Uint8Array[],
  keys: readonly (Uint8Array | undefined)[],
): Promise<boolean> {
  const data = new Uint8Array(signed);
  let isOne = false;
  for (const raw of keys) {
    if (raw === undefined) continue;
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", new Uint8Array(raw), hmac, false, ["sign"]);
    // Once for all of them: an unsigned message may be large.
    const own = new Uint8Array(await crypto.subtle.sign("HMAC", key, data));
    for (const signature of signatures) {
      const isThis = signature.length === own.length && crypto.subtle.timingSafeEqual(own, signature);
      isOne = isThis || isOne;
    }
  }
  return isOne;
}

/** Standard Webhooks keep keys as base64 behind a prefix; GitHub takes the text itself. */
function keyOf(signature: HookSignature, secret: string): Uint8Array | undefined {
  if (signature === "github") return utf8.encode(secret);
  const bytes = bytesOf(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  return bytes.length === 0 ? undefined : bytes;
}

/** Of base64; nothing of what is none. */
function bytesOf(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return new Uint8Array();
  try {
    return fromBase64(text);
  } catch {
    return new Uint8Array(); // of another length than base64 has
  }
}

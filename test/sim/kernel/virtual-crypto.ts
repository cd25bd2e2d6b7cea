import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { Kernel } from "./kernel.ts";

/** What the product's code holds as a CryptoKey: a key of Node, whose operations return at once. */
export interface VirtualKey {
  key: KeyObject;
}

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410). */
const ED25519_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** Longest that an operation takes: what else happens meanwhile is the point of it. */
const LONGEST_MS = 3;

/**
 * WebCrypto's operations that the tunnel uses. The real ones run on threads, so that a seed would not decide what comes first; these
 * compute the same at once, and answer at a time that the seed decides.
 */
export function virtualSubtle(kernel: () => Kernel): Record<string, (...args: never[]) => Promise<unknown>> {
  const later = <T>(value: T): Promise<T> => {
    const world = kernel();
    return new Promise((resolve) => {
      world.plan(world.current, world.random.fraction() * LONGEST_MS, () => resolve(value));
    });
  };
  return {
    importKey: async (_format: string, raw: Uint8Array): Promise<VirtualKey> => ({ key: importPublic(raw) }),
    digest: async (_name: string, bytes: Uint8Array) => bufferOf(createHash("sha256").update(bytes).digest()),
    sign: (_name: string, { key }: VirtualKey, bytes: Uint8Array) => later(bufferOf(sign(null, bytes, key))),
    verify: (_name: string, { key }: VirtualKey, signature: Uint8Array, bytes: Uint8Array) =>
      later(verify(null, bytes, key, signature)),
  };
}

function importPublic(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([ED25519_PREFIX, raw]), format: "der", type: "spki" });
}

function bufferOf(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

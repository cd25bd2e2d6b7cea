import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { chmod, readFile } from "node:fs/promises";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { agentIdSchema, publicKeySchema } from "../../shared/protocol/handshake.ts";
import type { SigningKey } from "../../shared/protocol/signatures.ts";
import { writePrivateFile } from "../data-folder.ts";

/** Where this machine is paired, as the edge said when its pairing code was redeemed. */
export const pairingSchema = z.object({
  agentId: agentIdSchema,
  origin: z.url({ protocol: /^https?$/ }),
  tunnelUrl: z.url({ protocol: /^wss?$/ }),
});
export type Pairing = z.infer<typeof pairingSchema>;

const identityFileSchema = z.object({
  version: z.literal(1),
  publicKey: publicKeySchema,
  /** PKCS #8, base64url. */
  privateKey: z.string().min(1),
  pairing: pairingSchema.optional(),
});
type IdentityFile = z.infer<typeof identityFileSchema>;

/** Who this machine is: a key pair that outlives renaming, updating and pairing again. */
export interface Identity {
  /** The file it is kept in. */
  path: string;
  /** Base64url of the raw Ed25519 key. */
  publicKey: string;
  /** Signs; cannot be exported. */
  privateKey: SigningKey;
  pairing: Pairing | undefined;
}

export type PairedIdentity = Identity & { pairing: Pairing };

/**
 * The identity in the file, which is made (mode 0600, in a folder of mode 0700) if there is none. Throws PorchlightError
 * `identity_broken` for a file that cannot be used: it is never replaced by itself, since the pairing would be lost with it.
 */
export async function loadIdentity(path: string): Promise<Identity> {
  const text = await readIfThere(path);
  if (text !== undefined) {
    // A copy or a backup may have opened it up.
    await chmod(path, 0o600);
    return toIdentity(path, parseFile(path, text));
  }
  const pair = generateKeyPairSync("ed25519");
  const file: IdentityFile = {
    version: 1,
    publicKey: rawPublicKey(pair.publicKey),
    privateKey: pair.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64url"),
  };
  await writeFile(path, file);
  return toIdentity(path, file);
}

export function isPaired(identity: Identity): identity is PairedIdentity {
  return identity.pairing !== undefined;
}

/** Keeps where the machine is paired, in place of any pairing before. */
export async function savePairing(identity: Identity, pairing: Pairing): Promise<PairedIdentity> {
  const file = parseFile(identity.path, await readFile(identity.path, "utf8"));
  await writeFile(identity.path, { ...file, pairing });
  return { ...identity, pairing };
}

/** Forgets where the machine is paired; its key stays. */
export async function forgetPairing({ path }: Identity): Promise<void> {
  const { pairing: _forgotten, ...file } = parseFile(path, await readFile(path, "utf8"));
  await writeFile(path, file);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      return undefined;
    }
    throw broken(path, "cannot be read", cause);
  }
}

function parseFile(path: string, text: string): IdentityFile {
  let file: IdentityFile;
  try {
    file = identityFileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw broken(path, "is damaged", cause);
  }
  if (derivedPublicKey(path, file) !== file.publicKey) {
    throw broken(path, "holds two keys that do not belong together");
  }
  return file;
}

function derivedPublicKey(path: string, { privateKey }: IdentityFile): string {
  try {
    return rawPublicKey(createPublicKey(createPrivateKey(pkcs8(privateKey))));
  } catch (cause) {
    throw broken(path, "holds a private key that cannot be used", cause);
  }
}

async function toIdentity(path: string, file: IdentityFile): Promise<Identity> {
  const { publicKey, pairing } = file;
  const { key } = pkcs8(file.privateKey);
  const privateKey = await crypto.subtle.importKey("pkcs8", key, "Ed25519", false, ["sign"]);
  return { path, publicKey, privateKey, pairing };
}

function pkcs8(privateKey: string): { key: Buffer<ArrayBuffer>; format: "der"; type: "pkcs8" } {
  return { key: Buffer.from(privateKey, "base64url"), format: "der", type: "pkcs8" };
}

function rawPublicKey(key: ReturnType<typeof createPublicKey>): string {
  const { x } = key.export({ format: "jwk" });
  if (x === undefined) {
    throw new TypeError("This is not an Ed25519 key.");
  }
  return x;
}

async function writeFile(path: string, file: IdentityFile): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify(file, undefined, 2)}\n`);
}

function broken(path: string, what: string, cause?: unknown): PorchlightError {
  const message = `The identity file ${path} ${what}. Restore it, or delete it and pair this machine again.`;
  return new PorchlightError("identity_broken", message, { cause });
}

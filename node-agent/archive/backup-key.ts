import { randomBytes } from "node:crypto";
import { chmod, readFile } from "node:fs/promises";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { writePrivateFile } from "../data-folder.ts";

const KEY_BYTES = 32;
const fileSchema = z.object({ version: z.literal(1), key: z.string().regex(/^[0-9a-f]{64}$/) });

/** 32 bytes by chance. */
export function newBackupKey(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(KEY_BYTES));
}

/** The key as 24 words of BIP-39's English list, the last of which holds a checksum. */
export function phraseOf(key: Uint8Array): string {
  return entropyToMnemonic(key, wordlist);
}

/** The key that a phrase stands for, however it was typed. Throws `invalid_request` that says which word is none. */
export function keyOf(typed: string): Uint8Array<ArrayBuffer> {
  const words = typed
    .normalize("NFKD")
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== "");
  const at = words.findIndex((word) => !wordlist.includes(word));
  if (at >= 0) throw wrong(`Word ${at + 1} is no word of a recovery phrase.`);
  if (words.length !== 24) throw wrong(`A recovery phrase has 24 words, not ${words.length}.`);
  try {
    return new Uint8Array(mnemonicToEntropy(words.join(" "), wordlist));
  } catch {
    throw wrong("A word of the recovery phrase is wrong, or two changed places: its checksum does not fit.");
  }
}

/** The key of this file; undefined if there is none. Throws `identity_broken` for a file that cannot be used. */
export async function readBackupKey(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  await chmod(path, 0o600); // A copy may have opened it up.
  try {
    return new Uint8Array(Buffer.from(fileSchema.parse(JSON.parse(text)).key, "hex"));
  } catch (cause) {
    const message = `The file ${path} with the key of the backup is damaged. Delete it, then type the recovery phrase: porchlight backup key`;
    throw new PorchlightError("identity_broken", message, { cause });
  }
}

export async function writeBackupKey(path: string, key: Uint8Array): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify({ version: 1, key: Buffer.from(key).toString("hex") })}\n`);
}

function wrong(message: string): PorchlightError {
  return new PorchlightError("invalid_request", message);
}

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { PorchlightError } from "../../shared/errors.ts";
import { compress, decompress } from "./segment-blob.ts";

/** "PLB" and the version of the form. */
const MAGIC = Buffer.from([0x50, 0x4c, 0x42, 0x01]);
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = MAGIC.length + KEY_ID_BYTES + NONCE_BYTES;
const CIPHER = "aes-256-gcm";

/**
 * Seals and opens the objects of a backup with AES-256-GCM (NIST SP 800-38D): magic, the key's id, a nonce by chance, the compressed
 * bytes, a tag. The header and the object's name are authenticated: under another name it does not open. The cipher's key and the id
 * come from the household's key by HKDF-SHA256 (RFC 5869).
 */
export class Sealer {
  readonly #key: Buffer;
  readonly #keyId: Buffer;

  constructor(key: Uint8Array) {
    this.#key = derived(key, "porchlight backup seal v1", 32);
    this.#keyId = derived(key, "porchlight backup key id v1", KEY_ID_BYTES);
  }

  seal(name: string, plain: Uint8Array): Uint8Array<ArrayBuffer> {
    const header = Buffer.concat([MAGIC, this.#keyId, randomBytes(NONCE_BYTES)]);
    const cipher = createCipheriv(CIPHER, this.#key, header.subarray(-NONCE_BYTES));
    cipher.setAAD(associated(header, name));
    const body = Buffer.concat([cipher.update(compress(plain)), cipher.final()]);
    return new Uint8Array(Buffer.concat([header, body, cipher.getAuthTag()]));
  }

  /** Throws `backup_key_wrong` for what another key sealed, `backup_damaged` for what is not what was sealed under this name. */
  open(name: string, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    if (bytes.length < HEADER_BYTES + TAG_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(name);
    const header = bytes.subarray(0, HEADER_BYTES);
    if (!header.subarray(MAGIC.length, MAGIC.length + KEY_ID_BYTES).equals(this.#keyId)) {
      const message = `${name} was sealed with another key than this recovery phrase stands for.`;
      throw new PorchlightError("backup_key_wrong", message);
    }
    try {
      const decipher = createDecipheriv(CIPHER, this.#key, header.subarray(-NONCE_BYTES));
      decipher.setAAD(associated(header, name));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const body = bytes.subarray(HEADER_BYTES, -TAG_BYTES);
      return decompress(Buffer.concat([decipher.update(body), decipher.final()]));
    } catch (cause) {
      throw damaged(name, cause);
    }
  }
}

function derived(key: Uint8Array, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", key, new Uint8Array(0), purpose, bytes));
}

function associated(header: Buffer, name: string): Buffer {
  return Buffer.concat([header, Buffer.from(name)]);
}

function damaged(name: string, cause?: unknown): PorchlightError {
  const message = `${name} is not what was backed up under this name: it is damaged, or somebody changed or moved it.`;
  return new PorchlightError("backup_damaged", message, { cause });
}

import { Readable } from "node:stream";
import { Decrypter, Encrypter } from "age-encryption";

/** How every file starts that age wrote (age-encryption.org/v1): the command `age -d` reads our backups, too. */
export const AGE_MAGIC = "age-encryption.org/v1";

/** @param workFactor log2 of scrypt's N; by default age's own, which takes about a second */
export async function encrypt(plain: Readable, passphrase: string, workFactor?: number): Promise<Readable> {
  const encrypter = new Encrypter();
  if (workFactor !== undefined) encrypter.setScryptWorkFactor(workFactor);
  encrypter.setPassphrase(passphrase);
  return fromWeb(await encrypter.encrypt(toWeb(plain)));
}

/** Rejects for a wrong passphrase; the stream breaks off where the file was changed or cut. */
export async function decrypt(cipher: Readable, passphrase: string): Promise<Readable> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  return fromWeb(await decrypter.decrypt(toWeb(cipher)));
}

/** Node's and the web's types of the same streams differ in name only. */
function toWeb(stream: Readable): ReadableStream<Uint8Array> {
  return Readable.toWeb(stream) as ReadableStream<Uint8Array>;
}

function fromWeb(stream: ReadableStream<Uint8Array>): Readable {
  return Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0]);
}

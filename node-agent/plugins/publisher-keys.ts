import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { fromBase64, toBase64 } from "../../shared/base64.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { toBase64Url } from "../../shared/protocol/base64url.ts";
import type { SigningKey } from "../../shared/protocol/signatures.ts";
import { writePrivateFile } from "../data-folder.ts";

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
const fileSchema = z.strictObject({
  kind: z.literal("porchlight publisher key"),
  publicKey: z.string().length(43),
  /** PKCS #8, base64. */
  privateKey: z.string().max(200),
});

/** A publisher's Ed25519 key on this machine. */
export interface PublisherKey {
  name: string;
  /** Raw, base64url. */
  publicKey: string;
}

export type KeyPair = PublisherKey & { keys: { publicKey: SigningKey; privateKey: SigningKey } };

/** Publisher's keys in a folder of this machine, a file each, for its user alone. */
export class PublisherKeys {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async list(): Promise<PublisherKey[]> {
    const names = (await readdir(this.#folder).catch(() => []))
      .filter((file) => file.endsWith(".json"))
      .map((file) => file.slice(0, -".json".length));
    return await Promise.all(
      names.toSorted().map(async (name) => ({ name, publicKey: (await this.#read(name)).publicKey })),
    );
  }

  /** The key of that name. Throws PorchlightError `not_found`. */
  async find(name: string): Promise<KeyPair> {
    const { publicKey, privateKey } = await this.#read(name);
    const pkcs8 = fromBase64(privateKey);
    const secret = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
    const raw = new Uint8Array(Buffer.from(publicKey, "base64url"));
    const open = await crypto.subtle.importKey("raw", raw, "Ed25519", true, ["verify"]);
    return { name, publicKey, keys: { publicKey: open, privateKey: secret } };
  }

  /** Makes a key; one that is there is never written over. Throws PorchlightError `invalid_request`. */
  async make(name: string): Promise<KeyPair> {
    if (!NAME.test(name))
      throw new PorchlightError("invalid_request", "A key's name is of small letters, digits and hyphens.");
    if ((await this.list()).some((key) => key.name === name)) {
      throw new PorchlightError("invalid_request", `There is a key '${name}' already. Give the new one another name.`);
    }
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    if (!("publicKey" in pair)) throw new TypeError("Ed25519 made no pair of keys.");
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
    const file = { kind: "porchlight publisher key", publicKey: toBase64Url(raw), privateKey: toBase64(pkcs8) };
    await writePrivateFile(join(this.#folder, `${name}.json`), JSON.stringify(file));
    return await this.find(name);
  }

  async #read(name: string): Promise<z.infer<typeof fileSchema>> {
    const text = NAME.test(name)
      ? await readFile(join(this.#folder, `${name}.json`), "utf8").catch(() => undefined)
      : undefined;
    if (text === undefined) {
      throw new PorchlightError(
        "not_found",
        `There is no key '${name}' here. Make one: porchlight plugin keys ${name}`,
      );
    }
    return fileSchema.parse(JSON.parse(text));
  }
}

import { fromBase64Url, toBase64Url } from "../../shared/protocol/base64url.ts";

const utf8 = new TextEncoder();
const IV_BYTES = 12;
const AES = { name: "AES-GCM", length: 256 } as const;
const HMAC = { name: "HMAC", hash: "SHA-256", length: 256 } as const;

/**
 * Keeps things for one caller so that nobody else can read them, not even whoever has the database: the keys are derived from the
 * caller's credential (HKDF, RFC 5869), of which this edge stores a hash only.
 */
export class CallerSeal {
  readonly #mac: CryptoKey;
  readonly #cipher: CryptoKey;

  private constructor(mac: CryptoKey, cipher: CryptoKey) {
    this.#mac = mac;
    this.#cipher = cipher;
  }

  /** @param credential a random secret: an API key, or the id of a session. @param purpose keeps uses of it apart */
  static async of(credential: string, purpose: string): Promise<CallerSeal> {
    const root = await crypto.subtle.importKey("raw", utf8.encode(credential), "HKDF", false, ["deriveKey"]);
    const derive = async (use: string, algorithm: typeof AES | typeof HMAC, usages: string[]) =>
      await crypto.subtle.deriveKey(
        { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8.encode(`porchlight ${purpose} ${use}`) },
        root,
        algorithm,
        false,
        usages,
      );
    return new CallerSeal(await derive("mac", HMAC, ["sign"]), await derive("cipher", AES, ["encrypt", "decrypt"]));
  }

  /** HMAC-SHA256 of the parts as base64url: the same for the same parts, and says nothing of them. */
  async fingerprint(...parts: (string | Uint8Array)[]): Promise<string> {
    const digests = parts.map(async (part) =>
      toBase64Url(
        new Uint8Array(await crypto.subtle.digest("SHA-256", typeof part === "string" ? utf8.encode(part) : part)),
      ),
    );
    const text = (await Promise.all(digests)).join(" ");
    return toBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", this.#mac, utf8.encode(text))));
  }

  /** AES-256-GCM, as base64url of a random nonce and the ciphertext; it opens only under the same `label`. */
  async seal(bytes: Uint8Array, label: string): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await crypto.subtle.encrypt(
      { name: AES.name, iv, additionalData: utf8.encode(label) },
      this.#cipher,
      bytes,
    );
    const whole = new Uint8Array(IV_BYTES + sealed.byteLength);
    whole.set(iv);
    whole.set(new Uint8Array(sealed), IV_BYTES);
    return toBase64Url(whole);
  }

  /** What was sealed. Throws for what this caller did not seal under `label`. */
  async open(text: string, label: string): Promise<Uint8Array<ArrayBuffer>> {
    const whole = fromBase64Url(text) ?? new Uint8Array();
    const [iv, sealed] = [whole.slice(0, IV_BYTES), whole.slice(IV_BYTES)];
    const options = { name: AES.name, iv, additionalData: utf8.encode(label) };
    return new Uint8Array(await crypto.subtle.decrypt(options, this.#cipher, sealed));
  }
}

import { toBase64Url } from "../../../shared/protocol/base64url.ts";
import type { SigningKey } from "../../../shared/protocol/signatures.ts";

const utf8 = new TextEncoder();
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const HAS_CREDENTIAL = 0x40;

/** WebCrypto's CryptoKeyPair, by a name that the types of Node and of workerd both give. */
type KeyPair = { publicKey: SigningKey; privateKey: SigningKey };
type Ceremony = { challenge: string; rpId: string };
/** What a test bends to see it refused. */
export type Bend = {
  origin?: string;
  type?: string;
  userVerified?: boolean;
  counter?: number;
  userHandle?: string;
  badSignature?: boolean;
};

/** A WebAuthn authenticator in software: one ES256 key, attestation "none", a counter that grows unless it is set. */
export class SoftwareAuthenticator {
  readonly id = toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
  readonly #origin: string;
  #counter = 0;
  #keys: KeyPair | undefined;
  #userHandle = "";

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** `navigator.credentials.create`, as the JSON a browser would send. */
  async create(options: { challenge: string; rp: { id?: string }; user: { id: string } }, bend: Bend = {}) {
    const keys = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ])) as KeyPair; // an asymmetric algorithm gives a pair
    this.#keys = keys;
    this.#userHandle = options.user.id;
    const point = new Uint8Array((await crypto.subtle.exportKey("raw", keys.publicKey)) as ArrayBuffer); // "raw" is bytes
    const id = fromBase64Url(this.id);
    const credential = concat(new Uint8Array(16), [0, id.length], id, coseKey(point));
    const authData = concat(await this.#head(options.rp.id ?? "", HAS_CREDENTIAL, bend), credential);
    // {"fmt": "none", "attStmt": {}, "authData": bytes}
    const attestation = concat(
      [0xa3],
      text("fmt"),
      text("none"),
      text("attStmt"),
      [0xa0],
      text("authData"),
      bytes(authData),
    );
    const client = this.#clientData("webauthn.create", options.challenge, bend);
    return this.#answer({
      clientDataJSON: toBase64Url(client),
      attestationObject: toBase64Url(attestation),
      transports: ["internal", "something-new"],
    });
  }

  /** `navigator.credentials.get`. */
  async get(options: Ceremony, bend: Bend = {}) {
    if (!this.#keys) throw new Error("Nothing was created yet.");
    const authData = await this.#head(options.rpId, 0, bend);
    const client = this.#clientData("webauthn.get", options.challenge, bend);
    const signed = concat(authData, new Uint8Array(await crypto.subtle.digest("SHA-256", client)));
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = der(new Uint8Array(await crypto.subtle.sign(algorithm, this.#keys.privateKey, signed)));
    if (bend.badSignature === true) signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
    return this.#answer({
      clientDataJSON: toBase64Url(client),
      authenticatorData: toBase64Url(authData),
      signature: toBase64Url(signature),
      userHandle: bend.userHandle ?? this.#userHandle,
    });
  }

  #answer<Response extends object>(response: Response) {
    return { id: this.id, rawId: this.id, type: "public-key", clientExtensionResults: { x: 1 }, response };
  }

  async #head(rpId: string, flags: number, bend: Bend): Promise<Uint8Array> {
    this.#counter = bend.counter ?? this.#counter + 1;
    const verified = bend.userVerified === false ? 0 : USER_VERIFIED;
    const head = new Uint8Array(37);
    head.set(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(rpId))));
    head[32] = flags | USER_PRESENT | verified;
    new DataView(head.buffer).setUint32(33, this.#counter);
    return head;
  }

  #clientData(type: string, challenge: string, bend: Bend): Uint8Array {
    const origin = bend.origin ?? this.#origin;
    return utf8.encode(JSON.stringify({ type: bend.type ?? type, challenge, origin, crossOrigin: false }));
  }
}

/** COSE_Key of a P-256 point (0x04, x, y): {1: 2, 3: -7, -1: 1, -2: x, -3: y}. */
function coseKey(point: Uint8Array): Uint8Array {
  const x = bytes(point.subarray(1, 33));
  const y = bytes(point.subarray(33));
  return concat([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21], x, [0x22], y);
}

/** CBOR byte string. */
function bytes(value: Uint8Array): Uint8Array {
  return value.length < 256
    ? concat([0x58, value.length], value)
    : concat([0x59, value.length >> 8, value.length & 255], value);
}

/** CBOR text of fewer than 24 bytes. */
function text(value: string): Uint8Array {
  return concat([0x60 + value.length], utf8.encode(value));
}

/** r || s as the DER sequence that WebAuthn wants. */
function der(raw: Uint8Array): Uint8Array {
  const integer = (half: Uint8Array): Uint8Array => {
    const first = half.findIndex((byte) => byte !== 0);
    const digits = half.subarray(first);
    const padded = (digits[0] ?? 0) > 127 ? concat([0], digits) : digits;
    return concat([0x02, padded.length], padded);
  };
  const both = concat(integer(raw.subarray(0, 32)), integer(raw.subarray(32)));
  return concat([0x30, both.length], both);
}

function concat(...parts: (Uint8Array | number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function fromBase64Url(value: string): Uint8Array {
  return Uint8Array.from(atob(value.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

import { fromBase64Url, toBase64Url } from "./base64url.ts";
import { writeUint32 } from "./frames.ts";

/** WebCrypto's CryptoKey, by a name that the types of Node and of workerd both give. */
export type SigningKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** What an agent's proof speaks for. Both sides must hold the same values for the signature to fit. */
export interface ProofClaims {
  /** The edge's origin as the agent knows it from pairing, so that another edge cannot pass the proof on. */
  origin: string;
  agentId: string;
  /** Base64url of the challenge's 32 bytes. */
  nonce: string;
  protocol: { min: number; max: number };
  features: readonly string[];
}

/** What an enrolment speaks for: this key asks for this code at this edge. */
export interface EnrolmentClaims {
  origin: string;
  code: string;
}

/** What a machine asks with for a code that its owner types in elsewhere (RFC 8628). */
export interface DeviceClaims {
  origin: string;
  /** The name it gives itself, which the owner is shown. */
  name: string;
}

/** What a machine says when it leaves its edge. */
export interface LeaveClaims {
  origin: string;
  agentId: string;
  /** Unix milliseconds. */
  time: number;
}

/** What a machine asks its edge for when it restores a backup. */
export interface BackupClaims {
  origin: string;
  agentId: string;
  /** Unix milliseconds. */
  time: number;
  /** The request, as the JSON text that is sent. */
  call: string;
}

/** What a publisher of plugins says with a key that it registers at a market. */
export interface PublisherKeyClaims {
  origin: string;
  publisherId: string;
  /** Base64url, of the market, for this once. */
  challenge: string;
}

// The labels keep a signature made for one purpose from being used for the other.
const PROOF_LABEL = "porchlight tunnel proof v1";
const ENROLMENT_LABEL = "porchlight enrolment v1";
const DEVICE_LABEL = "porchlight device authorization v1";
const LEAVE_LABEL = "porchlight leave v1";
const BACKUP_LABEL = "porchlight backup v1";
const PUBLISHER_KEY_LABEL = "porchlight publisher key v1";
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

const utf8 = new TextEncoder();

/** Base64url of the agent's signature over the claims. `privateKey` is an Ed25519 key that may sign. */
export async function signProof(privateKey: SigningKey, claims: ProofClaims): Promise<string> {
  return sign(privateKey, await proofTranscript(claims));
}

/** Whether `signature` is by the owner of `publicKey` (base64url of the raw 32 bytes). False, never a throw, for garbage. */
export async function verifyProof(publicKey: string, signature: string, claims: ProofClaims): Promise<boolean> {
  return verify(publicKey, signature, await proofTranscript(claims));
}

/** Base64url of the signature that an agent sends with its public key to redeem a pairing code. */
export async function signEnrolment(privateKey: SigningKey, claims: EnrolmentClaims): Promise<string> {
  return sign(privateKey, enrolmentTranscript(claims));
}

/** Whether the sender of `publicKey` (base64url of the raw 32 bytes) holds its private half. False for garbage. */
export async function verifyEnrolment(publicKey: string, signature: string, claims: EnrolmentClaims): Promise<boolean> {
  return verify(publicKey, signature, enrolmentTranscript(claims));
}

/** Base64url of the signature that a machine sends when it asks for a device code. */
export async function signDevice(privateKey: SigningKey, claims: DeviceClaims): Promise<string> {
  return sign(privateKey, deviceTranscript(claims));
}

/** Whether the sender of `publicKey` holds its private half and asks under this name here. False for garbage. */
export async function verifyDevice(publicKey: string, signature: string, claims: DeviceClaims): Promise<boolean> {
  return verify(publicKey, signature, deviceTranscript(claims));
}

/** Base64url of the signature that a machine sends to be removed from its edge. */
export async function signLeave(privateKey: SigningKey, claims: LeaveClaims): Promise<string> {
  return sign(privateKey, leaveTranscript(claims));
}

/** Whether the machine with this key wants to leave. False for garbage. */
export async function verifyLeave(publicKey: string, signature: string, claims: LeaveClaims): Promise<boolean> {
  return verify(publicKey, signature, leaveTranscript(claims));
}

/** Base64url of the signature that a machine sends with a request for its household's backup. */
export async function signBackup(privateKey: SigningKey, claims: BackupClaims): Promise<string> {
  return sign(privateKey, await backupTranscript(claims));
}

/** Whether the machine with this key asks for that. False for garbage. */
export async function verifyBackup(publicKey: string, signature: string, claims: BackupClaims): Promise<boolean> {
  return verify(publicKey, signature, await backupTranscript(claims));
}

/** Base64url of the signature by which a publisher shows that it holds a key. */
export async function signPublisherKey(privateKey: SigningKey, claims: PublisherKeyClaims): Promise<string> {
  return sign(privateKey, publisherKeyTranscript(claims));
}

/** Whether this publisher holds the private half of `publicKey`. False for garbage. */
export async function verifyPublisherKey(
  publicKey: string,
  signature: string,
  claims: PublisherKeyClaims,
): Promise<boolean> {
  return verify(publicKey, signature, publisherKeyTranscript(claims));
}

/** The exact bytes a proof signs, as PROTOCOL.md lays them out. */
export async function proofTranscript(claims: ProofClaims): Promise<Uint8Array<ArrayBuffer>> {
  const features = lengthPrefixed(claims.features.map((feature) => utf8.encode(feature)));
  return lengthPrefixed([
    utf8.encode(PROOF_LABEL),
    utf8.encode(claims.origin),
    utf8.encode(claims.agentId),
    fromBase64Url(claims.nonce) ?? new Uint8Array(0),
    uint32(claims.protocol.min),
    uint32(claims.protocol.max),
    new Uint8Array(await crypto.subtle.digest("SHA-256", features)),
  ]);
}

/** The exact bytes an enrolment signs, as PROTOCOL.md lays them out. */
export function enrolmentTranscript({ origin, code }: EnrolmentClaims): Uint8Array<ArrayBuffer> {
  return lengthPrefixed([utf8.encode(ENROLMENT_LABEL), utf8.encode(origin), utf8.encode(code)]);
}

function deviceTranscript({ origin, name }: DeviceClaims): Uint8Array<ArrayBuffer> {
  return lengthPrefixed([DEVICE_LABEL, origin, name].map((field) => utf8.encode(field)));
}

function leaveTranscript({ origin, agentId, time }: LeaveClaims): Uint8Array<ArrayBuffer> {
  return lengthPrefixed([LEAVE_LABEL, origin, agentId, String(time)].map((field) => utf8.encode(field)));
}

function publisherKeyTranscript({ origin, publisherId, challenge }: PublisherKeyClaims): Uint8Array<ArrayBuffer> {
  return lengthPrefixed([PUBLISHER_KEY_LABEL, origin, publisherId, challenge].map((field) => utf8.encode(field)));
}

async function backupTranscript({ origin, agentId, time, call }: BackupClaims): Promise<Uint8Array<ArrayBuffer>> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(call)));
  const fields = [BACKUP_LABEL, origin, agentId, String(time)].map((field) => utf8.encode(field));
  return lengthPrefixed([...fields, digest]);
}

/** Each field behind its length in four bytes, so that no two lists of fields give the same bytes. */
function lengthPrefixed(fields: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(fields.reduce((total, field) => total + 4 + field.length, 0));
  let offset = 0;
  for (const field of fields) {
    writeUint32(bytes, offset, field.length);
    bytes.set(field, offset + 4);
    offset += 4 + field.length;
  }
  return bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

async function sign(privateKey: SigningKey, transcript: Uint8Array<ArrayBuffer>): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, transcript)));
}

async function verify(publicKey: string, signature: string, transcript: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const rawKey = fromBase64Url(publicKey);
  const rawSignature = fromBase64Url(signature);
  if (rawKey?.length !== PUBLIC_KEY_BYTES || rawSignature?.length !== SIGNATURE_BYTES) {
    return false;
  }
  try {
    const key = await crypto.subtle.importKey("raw", rawKey, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, rawSignature, transcript);
  } catch {
    // Some implementations throw for 32 bytes that are no point of the curve: that key proves nothing.
    return false;
  }
}

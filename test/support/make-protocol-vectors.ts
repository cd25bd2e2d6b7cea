/**
 * Writes test/vectors/protocol/*.json again: `node test/support/make-protocol-vectors.ts`. It shares no code with
 * shared/protocol: frames are laid out by hand, signatures are made by Node's own crypto.
 */
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { rawFrame } from "./slow-frames.ts";

const FOLDER = new URL("../vectors/protocol/", import.meta.url);
/** RFC 8032, section 7.1, test 1. */
const SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const HEADER = '{"kind":"generate","requestId":"req_1"}';

type Raw = Parameters<typeof rawFrame>[0];

function write(name: string, value: unknown): void {
  writeFileSync(new URL(name, FOLDER), `${JSON.stringify(value, undefined, 2)}\n`);
}

function valid(name: string, frame: Raw): object {
  const payload = Buffer.from(frame.payload ?? "");
  const { type, flags = 0, streamId } = frame;
  return { name, hex: rawFrame(frame).toString("hex"), type, flags, streamId, payload: payload.toString("hex") };
}

function window(streamId: number, bytes: number): Raw {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return { type: 3, streamId, payload };
}

function lengthPrefixed(fields: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(field));
      return [length, Buffer.from(field)];
    }),
  );
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

write("frames.json", [
  valid("open", { type: 1, streamId: 2, payload: HEADER }),
  valid("open, highest id", { type: 1, streamId: 0xffff_ffff, payload: HEADER }),
  valid("data", { type: 2, streamId: 2, payload: '{"type":"text","text":"Grüße"}\n' }),
  valid("data, one byte", { type: 2, streamId: 7, payload: "x" }),
  valid("data on the control stream", { type: 2, streamId: 0, payload: '{"type":"status"}' }),
  valid("window of a stream", window(2, 131_072)),
  valid("window of the connection", window(0, 2_097_152)),
  valid("end", { type: 4, streamId: 2 }),
  valid("reset", { type: 5, streamId: 2, payload: '{"code":"timeout","message":"Too late."}' }),
  valid("ping", { type: 6, streamId: 0, payload: Buffer.from("0001020304050607", "hex") }),
  valid("ping, answered", { type: 6, flags: 1, streamId: 0, payload: Buffer.from("0001020304050607", "hex") }),
  valid("go away", { type: 7, streamId: 0, payload: '{"reason":"restart"}' }),
]);

const wrongFrames: [string, string, Raw, number?][] = [
  ["header cut short", "truncated", { type: 4, streamId: 2 }, 11],
  ["payload cut short", "truncated", { type: 2, streamId: 2, payload: "abc" }, 14],
  ["version 0", "bad_version", { version: 0, type: 4, streamId: 2 }],
  ["version 2", "bad_version", { version: 2, type: 4, streamId: 2 }],
  ["type 0", "unknown_type", { type: 0, streamId: 2 }],
  ["type 8", "unknown_type", { type: 8, streamId: 2 }],
  ["ack on data", "bad_flags", { type: 2, flags: 1, streamId: 2, payload: "x" }],
  ["high flag on ping", "bad_flags", { type: 6, flags: 0x8000, streamId: 0, payload: "12345678" }],
  ["length 65537", "frame_too_large", { type: 2, streamId: 2, length: 65_537 }],
  ["length 2^32 - 1", "frame_too_large", { type: 4, streamId: 2, length: 0xffff_ffff }],
  ["empty data", "bad_length", { type: 2, streamId: 2 }],
  ["window of 3 bytes", "bad_length", { type: 3, streamId: 2, payload: "123" }],
  ["end with a payload", "bad_length", { type: 4, streamId: 2, payload: "x" }],
  ["ping of 7 bytes", "bad_length", { type: 6, streamId: 0, payload: "1234567" }],
  ["open of 4097 bytes", "bad_length", { type: 1, streamId: 2, length: 4097 }],
  ["open on stream 0", "bad_stream", { type: 1, streamId: 0, payload: HEADER }],
  ["end on stream 0", "bad_stream", { type: 4, streamId: 0 }],
  ["ping on a stream", "bad_stream", { type: 6, streamId: 2, payload: "12345678" }],
];
write(
  "invalid-frames.json",
  wrongFrames.map(([name, error, frame, bytes]) => ({ name, hex: rawFrame(frame).toString("hex", 0, bytes), error })),
);

const reset = (streamId: number, json: string): Raw => ({ type: 5, streamId, payload: json });
const open = (streamId: number): Raw => ({ type: 1, streamId, payload: HEADER });
const wrongSessions: [string, string, Raw[]][] = [
  ["data on a stream never opened", "unknown_stream", [{ type: 2, streamId: 2, payload: "x" }]],
  ["odd id from the edge", "wrong_parity", [open(3)]],
  ["id used again", "stream_reused", [open(2), reset(2, '{"code":"timeout","message":""}'), open(2)]],
  ["second stream of one", "too_many_streams", [open(2), open(4)]],
  ["end twice", "after_end", [open(2), { type: 4, streamId: 2 }, { type: 4, streamId: 2 }]],
  ["data over credit", "credit_exceeded", [open(2), { type: 2, streamId: 2, payload: Buffer.alloc(1025, 1) }]],
  ["window over credit", "window_overflow", [window(0, 1)]],
  ["window of nothing", "bad_payload", [window(0, 0)]],
  ["header of an unknown kind", "bad_message", [{ type: 1, streamId: 2, payload: '{"kind":"other","requestId":"r"}' }]],
  ["header that is no JSON", "bad_json", [{ type: 1, streamId: 2, payload: "{]" }]],
  ["header that is not UTF-8", "not_utf8", [{ type: 1, streamId: 2, payload: Buffer.from("22c32822", "hex") }]],
];
write("invalid-sessions.json", {
  about: "What an agent with these limits, freshly welcomed, closes with (4400) when the edge sends these frames.",
  limits: { streamCreditBytes: 1024, connectionCreditBytes: 2048, streams: 1 },
  cases: wrongSessions.map(([name, error, frames]) => ({
    name,
    hex: Buffer.concat(frames.map((frame) => rawFrame(frame))).toString("hex"),
    error,
  })),
});

const key = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${SEED}`, "hex"),
  format: "der",
  type: "pkcs8",
});
const publicKey = createPublicKey(key).export({ format: "jwk" }).x;
const nonce = Buffer.from(Array.from({ length: 32 }, (_, n) => n));
const origin = "https://door.example";
const agentId = "agt_0123456789";
const features = ["resume", "zstd"];
const featureHash = createHash("sha256").update(lengthPrefixed(features)).digest();
const protocol = { min: 1, max: 1 };
const transcript = lengthPrefixed([
  "porchlight tunnel proof v1",
  origin,
  agentId,
  nonce,
  uint32(protocol.min),
  uint32(protocol.max),
  featureHash,
]);
const code = "0K3vR8mXq2ZtB5yN7cPw1A";
const enrolmentTranscript = lengthPrefixed(["porchlight enrolment v1", origin, code]);
const signature = sign(undefined, transcript, key).toString("base64url");
const challenge = { type: "challenge", nonce: nonce.toString("base64url"), time: 1_790_000_000_000, origin };
const proof = { type: "proof", agentId, signature, protocol, features, agentVersion: "0.1.0" };
const welcome = {
  type: "welcome",
  protocol: 1,
  limits: { streamCreditBytes: 262_144, connectionCreditBytes: 4_194_304, streams: 64 },
  generation: 3,
  serverVersion: "0.1.0",
};
const handshakeFrame = (message: object): string =>
  rawFrame({ type: 2, streamId: 0, payload: JSON.stringify(message) }).toString("hex");
write("handshake.json", {
  seed: SEED,
  publicKey,
  origin,
  challenge: { message: challenge, hex: handshakeFrame(challenge) },
  proof: {
    featureHash: featureHash.toString("hex"),
    transcript: transcript.toString("hex"),
    message: proof,
    hex: handshakeFrame(proof),
  },
  welcome: { message: welcome, hex: handshakeFrame(welcome) },
  enrolment: {
    code,
    transcript: enrolmentTranscript.toString("hex"),
    signature: sign(undefined, enrolmentTranscript, key).toString("base64url"),
  },
});

import { PROTOCOL_LIMITS } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

export const PROTOCOL_VERSION = 1;
export const HEADER_BYTES = 12;

/** Frame types. PROTOCOL.md says what each carries. */
export const FRAME = { open: 1, data: 2, window: 3, end: 4, reset: 5, ping: 6, goAway: 7 } as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

/** The one flag there is: on PING, it marks the answer. */
export const FLAG_ACK = 0x0001;

export interface Frame {
  type: FrameType;
  flags: number;
  streamId: number;
  /** May be a view of the bytes that were given to the decoder. */
  payload: Uint8Array;
}

type StreamRule = "control" | "stream" | "either";

/** What the header alone must satisfy, by frame type: a wrong frame is refused before its payload is waited for. */
const RULES: Record<FrameType, { stream: StreamRule; flags: number; minBytes: number; maxBytes: number }> = {
  [FRAME.open]: { stream: "stream", flags: 0, minBytes: 2, maxBytes: 4096 },
  [FRAME.data]: { stream: "either", flags: 0, minBytes: 1, maxBytes: PROTOCOL_LIMITS.frameBytes },
  [FRAME.window]: { stream: "either", flags: 0, minBytes: 4, maxBytes: 4 },
  [FRAME.end]: { stream: "stream", flags: 0, minBytes: 0, maxBytes: 0 },
  [FRAME.reset]: { stream: "stream", flags: 0, minBytes: 2, maxBytes: 32 * 1024 },
  [FRAME.ping]: { stream: "control", flags: FLAG_ACK, minBytes: 8, maxBytes: 8 },
  [FRAME.goAway]: { stream: "control", flags: 0, minBytes: 2, maxBytes: 4096 },
};

const NO_BYTES = new Uint8Array(0);

/** One whole frame. `payload` is copied, so its owner may reuse it at once. Throws ProtocolError for what a peer would refuse. */
export function encodeFrame(type: FrameType, streamId: number, payload: Uint8Array = NO_BYTES, flags = 0): Uint8Array {
  checkHeader(PROTOCOL_VERSION, type, flags, streamId, payload.length);
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes[0] = PROTOCOL_VERSION;
  bytes[1] = type;
  bytes[2] = flags >>> 8;
  bytes[3] = flags;
  writeUint32(bytes, 4, streamId);
  writeUint32(bytes, 8, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** The frame that `bytes` is, which must be exactly one. Throws ProtocolError. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const decoder = new FrameDecoder();
  const frames: Frame[] = [];
  decoder.push(bytes, (frame) => frames.push(frame));
  decoder.finish();
  const [frame, second] = frames;
  if (frame === undefined || second !== undefined) {
    throw new ProtocolError(frame === undefined ? "truncated" : "bad_length");
  }
  return frame;
}

/**
 * Cuts a byte stream into frames, however the bytes were split or merged. Whole frames are handed on as views of the input;
 * only a frame that straddles two inputs is copied. Holds at most one frame. After a throw it must not be used again.
 */
export class FrameDecoder {
  #pending: Uint8Array = new Uint8Array(HEADER_BYTES);
  #pendingBytes = 0;

  /** Calls `onFrame` for each frame that `bytes` completes, in order. Throws ProtocolError at the first wrong header. */
  push(bytes: Uint8Array, onFrame: (frame: Frame) => void): void {
    let offset = this.#pendingBytes === 0 ? 0 : this.#complete(bytes, onFrame);
    while (bytes.length - offset >= HEADER_BYTES) {
      const end = offset + HEADER_BYTES + checkHeaderAt(bytes, offset);
      if (end > bytes.length) {
        break;
      }
      onFrame(frameAt(bytes, offset, end));
      offset = end;
    }
    if (offset < bytes.length) {
      this.#keep(bytes, offset);
    }
  }

  /** The input has ended: throws ProtocolError `truncated` if that was inside a frame. */
  finish(): void {
    if (this.#pendingBytes > 0) {
      throw new ProtocolError("truncated");
    }
  }

  /** Completes the frame begun by earlier bytes; returns how many of `bytes` that took. */
  #complete(bytes: Uint8Array, onFrame: (frame: Frame) => void): number {
    let offset = 0;
    if (this.#pendingBytes < HEADER_BYTES) {
      offset = this.#take(bytes, 0, HEADER_BYTES);
      if (this.#pendingBytes < HEADER_BYTES) {
        return offset;
      }
      this.#grow();
    }
    offset += this.#take(bytes, offset, this.#pending.length);
    if (this.#pendingBytes === this.#pending.length) {
      const whole = this.#pending;
      this.#pending = new Uint8Array(HEADER_BYTES);
      this.#pendingBytes = 0;
      onFrame(frameAt(whole, 0, whole.length));
    }
    return offset;
  }

  #keep(bytes: Uint8Array, offset: number): void {
    const taken = this.#take(bytes, offset, HEADER_BYTES);
    if (this.#pendingBytes === HEADER_BYTES) {
      this.#grow();
      this.#take(bytes, offset + taken, this.#pending.length);
    }
  }

  /** The header is there: makes room for exactly this frame. */
  #grow(): void {
    const grown = new Uint8Array(HEADER_BYTES + checkHeaderAt(this.#pending, 0));
    grown.set(this.#pending);
    this.#pending = grown;
  }

  #take(bytes: Uint8Array, offset: number, target: number): number {
    const count = Math.min(target - this.#pendingBytes, bytes.length - offset);
    this.#pending.set(bytes.subarray(offset, offset + count), this.#pendingBytes);
    this.#pendingBytes += count;
    return count;
  }
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  // The callers checked the length; noUncheckedIndexedAccess cannot see that.
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

/** Payload length of the header at `offset`, once all of the header is found right. */
function checkHeaderAt(bytes: Uint8Array, offset: number): number {
  const flags = ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0);
  const length = readUint32(bytes, offset + 8);
  checkHeader(bytes[offset] ?? 0, bytes[offset + 1] ?? 0, flags, readUint32(bytes, offset + 4), length);
  return length;
}

function checkHeader(version: number, type: number, flags: number, streamId: number, length: number): void {
  if (version !== PROTOCOL_VERSION) {
    throw new ProtocolError("bad_version");
  }
  if (!isFrameType(type)) {
    throw new ProtocolError("unknown_type");
  }
  const rule = RULES[type];
  if ((flags & ~rule.flags) !== 0) {
    throw new ProtocolError("bad_flags");
  }
  if (length > PROTOCOL_LIMITS.frameBytes) {
    throw new ProtocolError("frame_too_large");
  }
  if (length < rule.minBytes || length > rule.maxBytes) {
    throw new ProtocolError("bad_length");
  }
  if (rule.stream !== "either" && (rule.stream === "control") !== (streamId === 0)) {
    throw new ProtocolError("bad_stream");
  }
}

function isFrameType(type: number): type is FrameType {
  return type >= FRAME.open && type <= FRAME.goAway;
}

function frameAt(bytes: Uint8Array, offset: number, end: number): Frame {
  return {
    // checkHeaderAt found it to be one of FRAME.
    type: bytes[offset + 1] as FrameType,
    flags: ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0),
    streamId: readUint32(bytes, offset + 4),
    payload: bytes.subarray(offset + HEADER_BYTES, end),
  };
}

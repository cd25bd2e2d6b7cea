import { type Frame, FrameDecoder } from "../../shared/protocol/frames.ts";
import { ProtocolError, type ProtocolErrorReason } from "../../shared/protocol/protocol-error.ts";

/** What a decoder made of some bytes: the frames before the first error, and the error. */
export interface Decoded {
  frames: { type: number; flags: number; streamId: number; payload: string }[];
  error: ProtocolErrorReason | undefined;
}

/** The decoder of PROTOCOL.md's table, written again as simply as it can be: all bytes at once, everything copied. */
export function decodeSlowly(bytes: Uint8Array): Decoded {
  const frames: Decoded["frames"] = [];
  let rest = Buffer.from(bytes);
  while (rest.length > 0) {
    const error = rest.length < 12 ? "truncated" : headerError(rest);
    const end = error === undefined ? 12 + rest.readUInt32BE(8) : 0;
    if (error !== undefined || rest.length < end) {
      return { frames, error: error ?? "truncated" };
    }
    frames.push({
      type: rest.readUInt8(1),
      flags: rest.readUInt16BE(2),
      streamId: rest.readUInt32BE(4),
      payload: rest.toString("hex", 12, end),
    });
    rest = rest.subarray(end);
  }
  return { frames, error: undefined };
}

function headerError(header: Buffer): ProtocolErrorReason | undefined {
  const type = header.readUInt8(1);
  const flags = header.readUInt16BE(2);
  const onControl = header.readUInt32BE(4) === 0;
  const length = header.readUInt32BE(8);
  // type: [least, most payload bytes, allowed on stream 0, allowed on others, known flags]
  const table: Record<number, [number, number, boolean, boolean, number]> = {
    1: [2, 4096, false, true, 0],
    2: [1, 65536, true, true, 0],
    3: [4, 4, true, true, 0],
    4: [0, 0, false, true, 0],
    5: [2, 32768, false, true, 0],
    6: [8, 8, true, false, 1],
    7: [2, 4096, true, false, 0],
  };
  const rule = table[type];
  if (header.readUInt8(0) !== 1) return "bad_version";
  if (rule === undefined) return "unknown_type";
  if ((flags & ~rule[4]) !== 0) return "bad_flags";
  if (length > 65536) return "frame_too_large";
  if (length < rule[0] || length > rule[1]) return "bad_length";
  return (onControl ? rule[2] : rule[3]) ? undefined : "bad_stream";
}

/** The same by the real decoder, fed piece by piece. */
export function decodeInPieces(pieces: readonly Uint8Array[]): Decoded {
  const frames: Decoded["frames"] = [];
  const keep = ({ type, flags, streamId, payload }: Frame): void => {
    frames.push({ type, flags, streamId, payload: Buffer.from(payload).toString("hex") });
  };
  try {
    const decoder = new FrameDecoder();
    for (const piece of pieces) {
      decoder.push(piece, keep);
    }
    decoder.finish();
    return { frames, error: undefined };
  } catch (error) {
    if (error instanceof ProtocolError) {
      return { frames, error: error.reason };
    }
    throw error;
  }
}

/** `bytes` cut at `cuts` (positions in any order, taken modulo the length). */
export function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
  const starts = [0, ...places];
  return starts.map((start, index) => bytes.slice(start, starts[index + 1] ?? bytes.length));
}

/** A raw frame, as wrong as the caller likes. */
export function rawFrame(fields: {
  version?: number;
  type: number;
  flags?: number;
  streamId: number;
  payload?: Uint8Array | string;
  length?: number;
}): Buffer {
  const payload = Buffer.from(fields.payload ?? "");
  const header = Buffer.alloc(12);
  header.writeUInt8(fields.version ?? 1, 0);
  header.writeUInt8(fields.type, 1);
  header.writeUInt16BE(fields.flags ?? 0, 2);
  header.writeUInt32BE(fields.streamId, 4);
  header.writeUInt32BE(fields.length ?? payload.length, 8);
  return Buffer.concat([header, payload]);
}

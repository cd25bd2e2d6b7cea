import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeFrame,
  encodeFrame,
  FLAG_ACK,
  FRAME,
  FrameDecoder,
  type FrameType,
} from "../../../shared/protocol/frames.ts";
import { cutAt, decodeInPieces, decodeSlowly, rawFrame } from "../../support/slow-frames.ts";

const bytesOf = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
const streamIds = fc.integer({ min: 1, max: 0xffff_ffff });
const anyFrame: fc.Arbitrary<[FrameType, number, Uint8Array, number]> = fc.oneof(
  fc.tuple(fc.constant(FRAME.open), streamIds, bytesOf(2, 300), fc.constant(0)),
  fc.tuple(fc.constant(FRAME.data), fc.oneof(streamIds, fc.constant(0)), bytesOf(1, 2000), fc.constant(0)),
  fc.tuple(fc.constant(FRAME.window), fc.oneof(streamIds, fc.constant(0)), bytesOf(4, 4), fc.constant(0)),
  fc.tuple(fc.constant(FRAME.end), streamIds, bytesOf(0, 0), fc.constant(0)),
  fc.tuple(fc.constant(FRAME.reset), streamIds, bytesOf(2, 200), fc.constant(0)),
  fc.tuple(fc.constant(FRAME.ping), fc.constant(0), bytesOf(8, 8), fc.constantFrom(0, FLAG_ACK)),
  fc.tuple(fc.constant(FRAME.goAway), fc.constant(0), bytesOf(2, 200), fc.constant(0)),
);
const cuts = fc.array(fc.nat(), { maxLength: 12 });

test("any split, merge or truncation decodes to the same frames or to `truncated`", () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), cuts, fc.nat(), (frames, places, lost) => {
      const whole = Buffer.concat(frames.map((frame) => encodeFrame(...frame)));
      const expected = frames.map(([type, streamId, payload, flags]) => ({
        type,
        streamId,
        flags,
        payload: Buffer.from(payload).toString("hex"),
      }));
      expect(decodeInPieces(cutAt(whole, places))).toEqual({ frames: expected, error: undefined });

      const short = whole.subarray(0, whole.length - (lost % (whole.length + 1)));
      const decoded = decodeInPieces(cutAt(short, places));
      expect(decoded).toEqual(decodeSlowly(short));
      expect(decoded.frames).toEqual(expected.slice(0, decoded.frames.length));
      expect([undefined, "truncated"]).toContain(decoded.error);
    }),
    { numRuns: 300 },
  );
});

test("corrupted and random bytes give what the slow decoder gives, and never another kind of error", () => {
  const corrupted = fc
    .tuple(
      fc.array(anyFrame, { minLength: 1, maxLength: 4 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    )
    .map(([frames, changes]) => {
      const bytes = Buffer.concat(frames.map((frame) => encodeFrame(...frame)));
      for (const [place, value] of changes) {
        bytes[place % bytes.length] = value;
      }
      return new Uint8Array(bytes);
    });
  // Raw headers whose every field is near its limits: random bytes alone rarely get past the version.
  const wild = fc
    .record({
      version: fc.constantFrom(0, 1, 1, 1, 2),
      type: fc.integer({ min: 0, max: 9 }),
      flags: fc.constantFrom(0, 0, 1, 2, 0x8000),
      streamId: fc.constantFrom(0, 1, 2, 0xffff_ffff),
      payload: bytesOf(0, 20),
      length: fc.option(fc.constantFrom(0, 1, 4, 8, 65_536, 65_537, 0xffff_ffff), { nil: undefined }),
    })
    .map(({ length, ...rest }) => new Uint8Array(rawFrame(length === undefined ? rest : { ...rest, length })));
  fc.assert(
    fc.property(fc.oneof(corrupted, wild, bytesOf(0, 200)), cuts, (bytes, places) => {
      expect(decodeInPieces(cutAt(bytes, places))).toEqual(decodeSlowly(bytes));
    }),
    { numRuns: 1000 },
  );
});

test("a frame of exactly 64 KiB passes, one byte more is refused on its header alone", () => {
  const payload = new Uint8Array(65_536).fill(7);
  expect(decodeFrame(encodeFrame(FRAME.data, 2, payload)).payload).toEqual(payload);
  expect(() => encodeFrame(FRAME.data, 2, new Uint8Array(65_537))).toThrow(
    expect.objectContaining({ reason: "frame_too_large" }),
  );
  const header = rawFrame({ type: FRAME.data, streamId: 2, length: 65_537 });
  expect(decodeInPieces([header]).error).toBe("frame_too_large");
});

test("whole frames are handed on without a copy", () => {
  const message = encodeFrame(FRAME.data, 2, new Uint8Array([1, 2, 3]));
  const seen: ArrayBufferLike[] = [];
  new FrameDecoder().push(message, (frame) => seen.push(frame.payload.buffer));
  expect(seen).toEqual([message.buffer]);
  expect(seen[0]).toBe(message.buffer);
});

test("decodeFrame takes exactly one frame", () => {
  const frame = encodeFrame(FRAME.end, 2);
  expect(() => decodeFrame(new Uint8Array(0))).toThrow(expect.objectContaining({ reason: "truncated" }));
  expect(() => decodeFrame(frame.subarray(0, 5))).toThrow(expect.objectContaining({ reason: "truncated" }));
  expect(() => decodeFrame(Buffer.concat([frame, frame]))).toThrow(expect.objectContaining({ reason: "bad_length" }));
});

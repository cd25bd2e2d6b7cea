import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FLAG_ACK, FRAME } from "../../../shared/protocol/frames.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/protocol/handshake.ts";
import { PROTOCOL_ERRORS } from "../../../shared/protocol/protocol-error.ts";
import { createEnd, type End, turn } from "../../support/protocol-pair.ts";
import { cutAt, decodeInPieces, rawFrame } from "../../support/slow-frames.ts";

const HEADER = JSON.stringify({ kind: "generate", requestId: "r" });
const open = (streamId: number, payload = HEADER): Buffer => rawFrame({ type: FRAME.open, streamId, payload });
const data = (streamId: number, payload: string | Uint8Array): Buffer =>
  rawFrame({ type: FRAME.data, streamId, payload });
const end = (streamId: number): Buffer => rawFrame({ type: FRAME.end, streamId });
const grant = (streamId: number, bytes: number): Buffer => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return rawFrame({ type: FRAME.window, streamId, payload });
};
const LIMITS = { streamCreditBytes: 2048, connectionCreditBytes: 4096, streams: 2 };

/** What an agent, whose peer sent these frames, closed with. */
function closeReason(...frames: Buffer[]): string | undefined {
  const agent = createEnd("agent", LIMITS);
  for (const frame of frames) {
    agent.session.receive(frame);
  }
  const { closed } = agent.wire;
  if (closed !== undefined) {
    expect(closed.code).toBe(4400);
    expect(agent.session.streamCount).toBe(0);
  }
  return closed?.reason;
}

describe("a hostile peer is closed with 4400 and the reason", () => {
  const machine = { name: "m", os: "l", arch: "x", cpu: "c", cores: 1, memoryBytes: 1 };
  const status = JSON.stringify({ type: "status", agentVersion: "1", machine, models: [] });
  const deep = "[".repeat(60_000);
  test.each([
    ["DATA on a stream never opened", "unknown_stream", [data(2, "x")]],
    ["END of a stream never opened", "unknown_stream", [end(4)]],
    ["WINDOW for a stream never opened", "unknown_stream", [grant(2, 1)]],
    [
      "RESET of a stream of ours never opened",
      "unknown_stream",
      [rawFrame({ type: FRAME.reset, streamId: 1, payload: "{}" })],
    ],
    ["OPEN with an id of our side", "wrong_parity", [open(1)]],
    ["OPEN with the same id again", "stream_reused", [open(2), open(2)]],
    ["OPEN with a lower id", "stream_reused", [open(6), open(4)]],
    ["OPEN of one stream too many", "too_many_streams", [open(2), open(4), open(6)]],
    ["OPEN of an unknown kind", "bad_message", [open(2, JSON.stringify({ kind: "shell", requestId: "r" }))]],
    ["OPEN without JSON", "bad_json", [open(2, "{kind}")]],
    [
      "OPEN that is not UTF-8",
      "not_utf8",
      [rawFrame({ type: FRAME.open, streamId: 2, payload: new Uint8Array([0x22, 0xff, 0x22]) })],
    ],
    ["OPEN on stream 0", "bad_stream", [open(0)]],
    ["OPEN over 4 KiB", "bad_length", [open(2, " ".repeat(4097))]],
    ["DATA without bytes", "bad_length", [open(2), data(2, "")]],
    ["DATA after END", "after_end", [open(2), end(2), data(2, "x")]],
    ["END twice", "after_end", [open(2), end(2), end(2)]],
    ["more than the stream's credit", "credit_exceeded", [open(2), data(2, "x".repeat(2048)), data(2, "x")]],
    [
      "more than the connection's credit",
      "credit_exceeded",
      [
        open(2),
        open(4),
        data(2, "x".repeat(2048)),
        data(4, "x".repeat(2048)),
        end(2),
        rawFrame({ type: FRAME.reset, streamId: 4, payload: JSON.stringify({ code: "timeout", message: "" }) }),
        open(6),
        data(6, "x".repeat(2048)),
        data(6, "x"),
      ],
    ],
    ["WINDOW beyond what was spent on a stream", "window_overflow", [open(2), grant(2, 1)]],
    ["WINDOW beyond what was spent on the connection", "window_overflow", [grant(0, 0xffff_ffff)]],
    ["WINDOW of nothing", "bad_payload", [open(2), grant(2, 0)]],
    [
      "RESET with an unknown code",
      "bad_message",
      [open(2), rawFrame({ type: FRAME.reset, streamId: 2, payload: JSON.stringify({ code: "whim", message: "" }) })],
    ],
    ["a control message of an unknown type", "bad_message", [data(0, JSON.stringify({ type: "sudo" }))]],
    ["a status with wrong types", "bad_message", [data(0, status.replace('"cores":1', '"cores":"1"'))]],
    ["a control message over 64 KiB", "frame_too_large", [rawFrame({ type: FRAME.data, streamId: 0, length: 65_537 })]],
    ["deeply nested control JSON", "bad_json", [data(0, deep)]],
    [
      "deeply nested control JSON that is closed again",
      "bad_message",
      [data(0, "[".repeat(30_000) + "]".repeat(30_000))],
    ],
    ["a control message that is not UTF-8", "not_utf8", [data(0, new Uint8Array([0xc3, 0x28]))]],
    ["a control message with a byte order mark", "bad_json", [data(0, `\ufeff${status}`)]],
    ["GOAWAY without a reason", "bad_message", [rawFrame({ type: FRAME.goAway, streamId: 0, payload: "{}" })]],
    [
      "a handshake message after the handshake",
      "bad_message",
      [data(0, JSON.stringify({ type: "challenge", nonce: "", time: 0 }))],
    ],
  ])("%s: %s", (_what, reason, frames) => {
    expect(closeReason(...frames)).toBe(reason);
    // The same in one message: nothing before the violation hides it.
    expect(closeReason(Buffer.concat(frames))).toBe(reason);
  });
});

test("bytes of closed streams still count against the connection's credit only until they are dropped", async () => {
  const agent = createEnd("agent", LIMITS);
  agent.session.receive(open(2));
  agent.streams[0]?.reset({ code: "timeout", message: "" });
  for (let n = 0; n < 50; n += 1) {
    agent.session.receive(data(2, "x".repeat(2048)));
  }
  await turn();
  expect(agent.wire.closed).toBeUndefined();
});

test("after a violation nothing more is taken or sent", () => {
  const agent = createEnd("agent", LIMITS);
  agent.session.receive(data(2, "x"));
  const sent = agent.wire.sentBytes;
  agent.session.receive(open(2));
  agent.session.control({
    type: "status",
    agentVersion: "1",
    machine: { name: "m", os: "l", arch: "x", cpu: "c", cores: 1, memoryBytes: 1 },
    models: [],
  });
  expect(agent.streams).toEqual([]);
  expect(agent.wire.sentBytes).toBe(sent);
});

test("a ping is answered once with its own bytes; an answer is not answered", () => {
  const agent = createEnd("agent");
  const payload = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  agent.session.receive(rawFrame({ type: FRAME.ping, streamId: 0, payload }));
  agent.session.receive(rawFrame({ type: FRAME.ping, streamId: 0, flags: FLAG_ACK, payload }));
  expect(decodeInPieces([agent.wire.take(1000)]).frames).toEqual([
    { type: FRAME.ping, flags: FLAG_ACK, streamId: 0, payload: "0102030405060708" },
  ]);
});

test("one-byte frames that nobody reads are kept in a few chunks, and only up to the credit", async () => {
  const agent = createEnd("agent");
  agent.session.receive(open(2));
  const credit = DEFAULT_SESSION_LIMITS.streamCreditBytes;
  agent.session.receive(Buffer.concat(Array.from({ length: credit }, () => data(2, "x"))));
  agent.session.receive(end(2));
  const pieces: number[] = [];
  for await (const piece of agent.streams[0]?.incoming ?? []) {
    pieces.push(piece.buffer.byteLength);
  }
  expect(pieces.reduce((total, bytes) => total + bytes, 0)).toBe(credit);
  expect(pieces.length).toBe(64);
});

test("whatever comes, a session throws nothing, closes with a known reason, and keeps no stream after that", () => {
  const ids = fc.constantFrom(0, 1, 2, 3, 4, 6);
  const message = fc.oneof(
    ids.map((id) => open(id)),
    fc.tuple(ids, fc.string({ maxLength: 3000 })).map(([id, payload]) => data(id, payload)),
    ids.map(end),
    fc.tuple(ids, fc.constantFrom(0, 1, 1000, 0xffff_ffff)).map(([id, bytes]) => grant(id, bytes)),
    ids.map((streamId) => rawFrame({ type: FRAME.reset, streamId, payload: '{"code":"timeout","message":""}' })),
    fc
      .uint8Array({ minLength: 8, maxLength: 8 })
      .map((payload) => rawFrame({ type: FRAME.ping, streamId: 0, payload })),
    fc.constant(rawFrame({ type: FRAME.goAway, streamId: 0, payload: '{"reason":"r"}' })),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 8 }), (messages, cuts) => {
      const agent: End = createEnd("agent", LIMITS);
      for (const piece of cutAt(Buffer.concat(messages), cuts)) {
        agent.session.receive(piece);
      }
      const { closed } = agent.wire;
      if (closed !== undefined) {
        expect(closed.code).toBe(4400);
        expect(Object.keys(PROTOCOL_ERRORS)).toContain(closed.reason);
        expect(agent.session.streamCount).toBe(0);
      }
    }),
    { numRuns: 500 },
  );
});

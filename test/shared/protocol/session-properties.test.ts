import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";
import { createPair, type Pair, readAll, turn } from "../../support/protocol-pair.ts";

/** Bytes that name their stream and place, so that any mixing shows. */
function pattern(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, place) => (seed * 31 + place * 7 + (place >> 8)) & 0xff);
}

async function writeInPieces(stream: ProtocolStream, bytes: Uint8Array, pieceBytes: number): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    await stream.write(bytes.subarray(offset, offset + pieceBytes));
  }
  stream.end();
}

/** Delivers in steps of given sizes and directions, then all the rest. */
async function deliverAtRandom(pair: Pair, steps: readonly (readonly [boolean, number])[]): Promise<void> {
  for (const [fromEdge, bytes] of steps) {
    pair.deliver(fromEdge ? "edge" : "agent", bytes);
    await turn();
  }
  await pair.settle();
}

const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 30_000 })), { maxLength: 40 });

test("64 streams both ways interleave without mixing, however the bytes are delivered", async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 6000 }), { minLength: 64, maxLength: 64 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 3000 }), steps, async (lengths, pieceBytes, delivery) => {
      const pair = createPair({ streamCreditBytes: 2048, connectionCreditBytes: 16_384, streams: 64 });
      const opened = lengths.map((_, n) => pair.edge.session.open({ kind: "generate", requestId: `${n}` }));
      pair.deliver("edge");
      expect(pair.agent.streams.length).toBe(64);
      const work = lengths.flatMap((length, n) => {
        const [near, far] = [opened[n], pair.agent.streams[n]];
        if (near === undefined || far === undefined) {
          throw new Error("A stream is missing.");
        }
        const there = pattern(n, length);
        const back = pattern(n + 1000, 6000 - length);
        return [
          writeInPieces(near, there, pieceBytes),
          writeInPieces(far, back, pieceBytes),
          readAll(far).then((bytes) => expect(Buffer.compare(bytes, there)).toBe(0)),
          readAll(near).then((bytes) => expect(Buffer.compare(bytes, back)).toBe(0)),
        ];
      });
      await deliverAtRandom(pair, delivery);
      await Promise.all(work);
      expect(pair.edge.session.streamCount + pair.agent.session.streamCount).toBe(0);
      expect(pair.edge.wire.closed ?? pair.agent.wire.closed).toBeUndefined();
    }),
    { numRuns: 25 },
  );
});

test("bytes in flight and unread never exceed the credit, whatever readers and writers do", async () => {
  const limits = { streamCreditBytes: 3000, connectionCreditBytes: 7000, streams: 8 };
  const moves = fc.array(
    fc.record({
      stream: fc.nat(7),
      action: fc.constantFrom("write", "write", "read", "deliver", "deliver back", "reset"),
      bytes: fc.integer({ min: 1, max: 5000 }),
    }),
    { maxLength: 80 },
  );
  await fc.assert(
    fc.asyncProperty(moves, async (list) => {
      const pair = createPair(limits);
      const near = Array.from({ length: 8 }, (_, n) => pair.edge.session.open({ kind: "generate", requestId: `${n}` }));
      pair.deliver("edge");
      const far = pair.agent.streams;
      const readers = far.map((stream) => stream.incoming[Symbol.asyncIterator]());
      const sent = new Map<number, number>();
      let read = 0;
      const before = pair.edge.wire.sentBytes;
      for (const { stream, action, bytes } of list) {
        if (action === "write") {
          void near[stream]?.write(new Uint8Array(bytes)).then(
            () => sent.set(stream, (sent.get(stream) ?? 0) + bytes),
            () => undefined,
          );
        } else if (action === "read") {
          void readers[stream]?.next().then(
            ({ value }) => (read += value?.length ?? 0),
            () => undefined,
          );
        } else if (action === "reset") {
          near[stream]?.reset({ code: "timeout", message: "" });
        } else {
          pair.deliver(action === "deliver" ? "edge" : "agent", bytes);
        }
        await turn();
        expect(pair.edge.wire.closed ?? pair.agent.wire.closed).toBeUndefined();
      }
      const resets = list.filter(({ action }) => action === "reset").length;
      if (resets === 0) {
        // All DATA bytes sent are read, or within credit; headers and RESETs are the rest.
        const overhead = 12 * (list.length * 4 + 16);
        expect(pair.edge.wire.sentBytes - before - read).toBeLessThanOrEqual(limits.connectionCreditBytes + overhead);
      }
      // Everything can still be finished: no credit was lost on the way.
      for (const stream of near) {
        stream.reset({ code: "timeout", message: "" });
      }
      await pair.settle();
      expect(pair.agent.session.streamCount).toBe(0);
      const last = pair.edge.session.open({ kind: "generate", requestId: "last" });
      const writing = last.write(new Uint8Array(50_000)).then(() => last.end());
      pair.deliver("edge");
      const whole = readAll(pair.agent.streams.at(-1) as ProtocolStream);
      await pair.settle();
      await writing;
      expect((await whole).length).toBe(50_000);
    }),
    { numRuns: 100 },
  );
});

import { describe, expect, test } from "vitest";
import { PorchlightError } from "../../../shared/errors.ts";
import { FRAME } from "../../../shared/protocol/frames.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/protocol/handshake.ts";
import type { StreamHeader } from "../../../shared/protocol/messages.ts";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";
import { createEnd, createPair, type Pair, readAll, turn } from "../../support/protocol-pair.ts";
import { decodeInPieces } from "../../support/slow-frames.ts";

const header = (requestId: string): StreamHeader => ({ kind: "generate", requestId });
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A stream opened by the edge, seen from both sides. */
function openStream(pair: Pair, requestId = "r"): { near: ProtocolStream; far: ProtocolStream } {
  const near = pair.edge.session.open(header(requestId));
  pair.deliver("edge");
  const far = pair.agent.streams.at(-1);
  if (far === undefined) {
    throw new Error("The agent saw no stream.");
  }
  return { near, far };
}

function dataFrames(bytes: Uint8Array): { streamId: number }[] {
  return decodeInPieces([bytes]).frames.filter(({ type }) => type === FRAME.data);
}

function expectIdle({ edge, agent }: Pair): void {
  expect(edge.session.streamCount).toBe(0);
  expect(agent.session.streamCount).toBe(0);
  expect(edge.wire.closed ?? agent.wire.closed).toBeUndefined();
}

describe("a stream", () => {
  test("carries a request and its answer, and both sides forget it", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair, "abc");
    expect(far).toMatchObject({ id: 2, header: header("abc") });
    await near.write(text("question"));
    near.end();
    const question = readAll(far);
    await pair.settle();
    expect((await question).toString()).toBe("question");
    await far.write(text("answer"));
    far.end();
    const answer = readAll(near);
    await pair.settle();
    expect((await answer).toString()).toBe("answer");
    expect(near.signal.aborted || far.signal.aborted).toBe(false);
    expectIdle(pair);
  });

  test("sends within the call when there is credit", () => {
    const pair = createPair();
    const { near } = openStream(pair);
    void near.write(text("now"));
    expect(pair.edge.wire.waitingBytes).toBe(12 + 3);
  });

  test("reset reaches the peer's reader, writer and signal, and ends the own side", async () => {
    const pair = createPair({ ...DEFAULT_SESSION_LIMITS, streamCreditBytes: 1024 });
    const { near, far } = openStream(pair);
    const stuck = far.write(new Uint8Array(4096));
    const reading = readAll(far);
    near.reset({ code: "timeout", message: "too late" });
    const failures = [
      expect(stuck).rejects.toMatchObject({ code: "timeout", message: "too late" }),
      expect(reading).rejects.toBeInstanceOf(PorchlightError),
      expect(readAll(near)).rejects.toMatchObject({ code: "timeout" }),
      expect(near.write(text("x"))).rejects.toMatchObject({ code: "timeout" }),
    ];
    await pair.settle();
    await Promise.all(failures);
    expect(far.signal.aborted).toBe(true);
    expect(near.signal.aborted).toBe(false);
    await expect(far.write(text("x"))).rejects.toMatchObject({ code: "timeout" });
    expectIdle(pair);
  });

  test("frames that cross a reset are no violation and give their credit back", async () => {
    const pair = createPair();
    for (let round = 0; round < 40; round += 1) {
      const { near, far } = openStream(pair);
      near.reset({ code: "timeout", message: "crossed" });
      await far.write(new Uint8Array(200_000));
      far.end();
      await pair.settle();
    }
    expectIdle(pair);
  });

  test("a reader that leaves early discards the rest and does not hold up the writer", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    const writing = near.write(new Uint8Array(2_000_000)).then(() => near.end());
    pair.deliver("edge");
    for await (const piece of far.incoming) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    far.end();
    await pair.settle();
    await writing;
    expectIdle(pair);
  });

  test("refuses writes after its end, and a second reader while one waits", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    near.end();
    near.end();
    await expect(near.write(text("x"))).rejects.toThrow(TypeError);
    const iterator = near.incoming[Symbol.asyncIterator]();
    const first = iterator.next();
    await expect(iterator.next()).rejects.toThrow(TypeError);
    far.end();
    await pair.settle();
    expect(await first).toEqual({ value: undefined, done: true });
    expectIdle(pair);
  });

  test("an error's texts are cut to what the peer takes", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    near.reset({ code: "internal", message: "é".repeat(9000), param: "p".repeat(500) });
    await pair.settle();
    expect(far.signal.reason).toMatchObject({ code: "internal", param: "p".repeat(256) });
    expectIdle(pair);
  });
});

describe("a session", () => {
  test("has as many streams as agreed, and has them again after they end", async () => {
    const pair = createPair({ ...DEFAULT_SESSION_LIMITS, streams: 3 });
    const streams = [1, 2, 3].map((n) => pair.edge.session.open(header(`r${n}`)));
    expect(() => pair.edge.session.open(header("r4"))).toThrow(expect.objectContaining({ code: "overloaded" }));
    streams[0]?.reset({ code: "timeout", message: "gone" });
    pair.edge.session.open(header("r5"));
    await pair.settle();
    expect(pair.agent.session.streamCount).toBe(3);
    expect(pair.edge.session.nextStreamId).toBe(10);
  });

  test("both sides open streams without touching each other's ids or counts", async () => {
    const pair = createPair({ ...DEFAULT_SESSION_LIMITS, streams: 2 });
    const ids = [pair.edge, pair.agent].flatMap(({ session }) => [
      session.open(header("a")).id,
      session.open(header("b")).id,
    ]);
    await pair.settle();
    expect(ids).toEqual([2, 4, 1, 3]);
    expect(pair.edge.session.streamCount).toBe(4);
  });

  test("loss fails every stream at once, and nothing is sent or taken after it", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    const reading = expect(readAll(near)).rejects.toMatchObject({ code: "agent_disconnected" });
    pair.edge.session.lost();
    pair.edge.session.lost();
    await reading;
    expect(near.signal.aborted).toBe(true);
    expect(pair.edge.session.streamCount).toBe(0);
    expect(() => pair.edge.session.open(header("late"))).toThrow(
      expect.objectContaining({ code: "agent_disconnected" }),
    );
    const before = pair.edge.wire.sentBytes;
    near.reset({ code: "timeout", message: "x" });
    pair.edge.session.goAway("x");
    await far.write(text("x"));
    pair.deliver("agent");
    expect(pair.edge.wire.sentBytes).toBe(before);
  });

  test("what was read to its end before the loss stays readable", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    near.end();
    await far.write(text("all of it"));
    far.end();
    await pair.settle();
    pair.edge.session.lost();
    expect((await readAll(near)).toString()).toBe("all of it");
  });

  test("goAway keeps the streams there are and refuses new ones, crossing OPENs too", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    pair.agent.session.goAway("restart");
    const crossing = pair.edge.session.open(header("crossing"));
    await pair.settle();
    expect(crossing.signal.reason).toMatchObject({ code: "overloaded" });
    expect(() => pair.edge.session.open(header("later"))).toThrow(expect.objectContaining({ code: "overloaded" }));
    expect(pair.edge.goAways).toEqual(["restart"]);
    await near.write(text("still here"));
    near.end();
    far.end();
    const reading = readAll(far);
    await pair.settle();
    expect((await reading).toString()).toBe("still here");
    expectIdle(pair);
  });

  test("passes control messages on", async () => {
    const pair = createPair();
    const machine = { name: "box", os: "linux", arch: "x64", cpu: "c", cores: 2, memoryBytes: 1 };
    const status = { type: "status" as const, agentVersion: "1", machine, models: [] };
    pair.agent.session.control(status);
    await pair.settle();
    expect(pair.edge.control).toEqual([status]);
  });
});

describe("credit", () => {
  test("a stalled reader holds its writer at the stream's credit, and lets it go on when it reads", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    let written = 0;
    const writing = (async () => {
      for (let n = 0; n < 100; n += 1) {
        await near.write(new Uint8Array(10_000));
        written += 10_000;
      }
      near.end();
    })();
    await pair.settle();
    expect(written).toBeLessThanOrEqual(256 * 1024);
    expect(written).toBeGreaterThan(256 * 1024 - 10_000);
    expect(pair.edge.wire.sentBytes).toBeLessThan(256 * 1024 + 2000);
    const reading = readAll(far);
    await pair.settle();
    await writing;
    expect((await reading).length).toBe(1_000_000);
  });

  test("of many stalled streams together no more than the connection's credit is in flight", async () => {
    const pair = createPair();
    const opened = Array.from({ length: 64 }, (_, n) => pair.edge.session.open(header(`r${n}`)));
    const writing = opened.map((stream) => stream.write(new Uint8Array(200_000)).then(() => stream.end()));
    await pair.settle();
    expect(pair.edge.wire.sentBytes).toBeLessThanOrEqual(4 * 1024 * 1024 + 20_000);
    const reading = pair.agent.streams.map((stream) => readAll(stream));
    for (const stream of pair.agent.streams) {
      stream.end();
    }
    await pair.settle();
    await Promise.all(writing);
    expect((await Promise.all(reading)).map((bytes) => bytes.length)).toEqual(opened.map(() => 200_000));
    expectIdle(pair);
  });

  test("streams that wait for the connection's credit take turns, frame by frame", async () => {
    const pair = createPair({ streamCreditBytes: 262_144, connectionCreditBytes: 131_072, streams: 4 });
    const streams = ["a", "b", "c"].map((name) => pair.edge.session.open(header(name)));
    const writing = streams.map((stream) => stream.write(new Uint8Array(300_000)).then(() => stream.end()));
    pair.deliver("edge");
    const reading = pair.agent.streams.map((stream) => readAll(stream));
    const order: number[] = [];
    while (order.length < 12) {
      pair.deliver("agent");
      const bytes = pair.edge.wire.take(1e9);
      order.push(...dataFrames(bytes).map(({ streamId }) => streamId));
      pair.agent.session.receive(bytes);
      await turn();
    }
    expect(order.slice(0, 9)).toEqual([2, 4, 6, 2, 4, 6, 2, 4, 6]);
    await pair.settle();
    await Promise.all(writing);
    expect((await Promise.all(reading)).map((bytes) => bytes.length)).toEqual([300_000, 300_000, 300_000]);
  });

  test("nothing is granted on a stream that its sender ended or this side reset", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    await near.write(new Uint8Array(200_000));
    near.end();
    pair.deliver("edge");
    expect((await readAll(far)).length).toBe(200_000);
    const second = openStream(pair);
    await second.near.write(new Uint8Array(200_000));
    pair.deliver("edge");
    second.far.reset({ code: "timeout", message: "" });
    const granted = decodeInPieces([pair.agent.wire.take(1e9)]).frames.filter(({ type }) => type === FRAME.window);
    expect(granted.filter(({ streamId }) => streamId !== 0)).toEqual([]);
  });

  test("a grant for what only the forgotten session had spent is taken", async () => {
    const pair = createPair();
    const { near, far } = openStream(pair);
    await near.write(new Uint8Array(1000));
    near.end();
    far.end();
    pair.deliver("edge");
    expect((await readAll(far)).length).toBe(1000);
    const edge = createEnd("edge", DEFAULT_SESSION_LIMITS, pair.edge.session.nextStreamId);
    edge.session.receive(pair.agent.wire.take(1e9));
    expect(edge.wire.closed).toBeUndefined();
  });

  test("a session that forgot (hibernation) goes on at full credit with one that did not", async () => {
    const pair = createPair({ streamCreditBytes: 4096, connectionCreditBytes: 8192, streams: 4 });
    let edge = pair.edge;
    for (let round = 0; round < 12; round += 1) {
      const near = edge.session.open(header(`r${round}`));
      const reading = readAll(near);
      await near.write(new Uint8Array(3000));
      near.end();
      pair.agent.session.receive(edge.wire.take(1e9));
      const far = pair.agent.streams.at(-1);
      expect(far?.header.requestId).toBe(`r${round}`);
      expect((await readAll(far as ProtocolStream)).length).toBe(3000);
      await far?.write(new Uint8Array(3000));
      far?.end();
      edge.session.receive(pair.agent.wire.take(1e9));
      expect((await reading).length).toBe(3000);
      pair.agent.session.receive(edge.wire.take(1e9));
      edge.session.receive(pair.agent.wire.take(1e9));
      expect(edge.session.streamCount + pair.agent.session.streamCount).toBe(0);
      edge = createEnd(
        "edge",
        { streamCreditBytes: 4096, connectionCreditBytes: 8192, streams: 4 },
        edge.session.nextStreamId,
      );
    }
    expect(pair.agent.wire.closed).toBeUndefined();
  });

  test("a stream that only the forgotten session knew is reset, so that its sender does not wait forever", async () => {
    const pair = createPair();
    const { far } = openStream(pair);
    const edge = createEnd("edge", DEFAULT_SESSION_LIMITS, pair.edge.session.nextStreamId);
    await far.write(text("hello?"));
    edge.session.receive(pair.agent.wire.take(1e9));
    pair.agent.session.receive(edge.wire.take(1e9));
    expect(far.signal.reason).toMatchObject({ code: "agent_disconnected" });
    expect(pair.agent.session.streamCount).toBe(0);
    expect(edge.wire.closed).toBeUndefined();
  });
});

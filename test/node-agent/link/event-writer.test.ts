import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventWriter } from "../../../node-agent/link/event-writer.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { createPair, type Pair, readAll } from "../../support/protocol-pair.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => vi.useRealTimers());

const text = (value: string): GenerateEvent => ({ type: "text", text: value });

/** A writer on a fresh stream, and the batches it sent with their times. */
function newWriter(): {
  pair: Pair;
  writer: EventWriter;
  sent: { atMs: number; text: string }[];
} {
  const pair = createPair();
  const stream = pair.agent.session.open({ kind: "generate", requestId: "r" });
  const sent: { atMs: number; text: string }[] = [];
  const started = performance.now();
  const write = stream.write.bind(stream);
  stream.write = (bytes) => {
    sent.push({ atMs: performance.now() - started, text: Buffer.from(bytes).toString() });
    return write(bytes);
  };
  const writer = new EventWriter(stream);
  return { pair, writer, sent };
}

const linesOf = (batches: { text: string }[]): number[] => batches.map((batch) => batch.text.split("\n").length - 1);

test("a slow stream is never held back", async () => {
  const { writer, sent } = newWriter();
  for (let n = 0; n < 40; n += 1) {
    await writer.write(text("x"));
    expect(sent.length).toBe(n + 1);
    await vi.advanceTimersByTimeAsync(5);
  }
  expect(sent.map(({ atMs }) => Math.round(atMs))).toEqual(Array.from({ length: 40 }, (_, n) => n * 5));
});

test("a fast stream's first text leaves at once, and no event waits longer than 25 ms", async () => {
  const { writer, sent } = newWriter();
  const writtenAt: number[] = [];
  const started = performance.now();
  await writer.write({ type: "progress", stage: "prefill" });
  writtenAt.push(0);
  for (let n = 0; n < 1000; n += 1) {
    writtenAt.push(performance.now() - started);
    await writer.write(text(`${n} `));
    await vi.advanceTimersByTimeAsync(n % 10 === 0 ? 3 : 0);
  }
  await writer.write({ type: "finish", reason: "stop" });
  writtenAt.push(performance.now() - started);
  await writer.end();
  expect(linesOf(sent.slice(0, 2))).toEqual([1, 1]);
  const sentAt = sent.flatMap((batch) => Array.from({ length: linesOf([batch])[0] ?? 0 }, () => batch.atMs));
  expect(sentAt.length).toBe(writtenAt.length);
  expect(Math.max(...sentAt.map((atMs, n) => atMs - (writtenAt[n] ?? 0)))).toBeLessThanOrEqual(25);
  // 300 ms of text in windows of 25 ms.
  expect(sent.length).toBeLessThan(30);
});

test("order and content are kept, and what is not text does not wait", async () => {
  const { pair, writer, sent } = newWriter();
  const events: GenerateEvent[] = Array.from({ length: 100 }, (_, n) => text(`ü${n}`));
  for (const event of events) {
    await writer.write(event);
  }
  const call: GenerateEvent = { type: "tool_call", index: 0, call: { id: "c", name: "n", arguments: "{}" } };
  await writer.write(call);
  expect(sent.at(-1)?.text).toContain("tool_call");
  await writer.write({ type: "finish", reason: "tool_calls" });
  await writer.end();
  pair.deliver("agent");
  const [far] = pair.edge.streams;
  const got = (await readAll(far ?? expect.fail("The stream did not arrive."))).toString();
  expect(
    got
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([...events, call, { type: "finish", reason: "tool_calls" }]);
});

test("the first text leaves at once, however much progress came before it", async () => {
  const { writer, sent } = newWriter();
  for (let n = 0; n < 20; n += 1) {
    await writer.write({ type: "progress", stage: "prefill", fraction: n / 20 });
  }
  await writer.write(text("first"));
  expect(sent.at(-1)?.text).toContain("first");
  await writer.write(text("second"));
  expect(sent.at(-1)?.text).not.toContain("second");
});

test("a large batch does not wait for its time", async () => {
  const { writer, sent } = newWriter();
  for (let n = 0; n < 12; n += 1) {
    await writer.write(text("x".repeat(5000)));
  }
  expect(linesOf(sent)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 4]);
});

test("a lost stream fails the next write, not the process", async () => {
  const { pair, writer } = newWriter();
  for (let n = 0; n < 20; n += 1) {
    await writer.write(text("x"));
  }
  pair.agent.session.lost();
  await vi.advanceTimersByTimeAsync(30);
  await expect(writer.write(text("y"))).rejects.toMatchObject({ code: "agent_disconnected" });
  await expect(writer.end()).rejects.toMatchObject({ code: "agent_disconnected" });
});

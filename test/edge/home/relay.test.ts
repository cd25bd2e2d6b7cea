import { expect, it } from "vitest";
import { relayEvents } from "../../../edge/home/relay.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/protocol/handshake.ts";
import { createSession } from "../../../shared/protocol/session.ts";
import type { ProtocolStream, Session } from "../../../shared/protocol/types.ts";

const STALLED_MS = 50;
const idle = new AbortController().signal;

/** A stream of the edge and the agent's end of it, over two sessions that hand each other their bytes. */
function openStream(): { atEdge: ProtocolStream; atAgent: ProtocolStream } {
  const opened: ProtocolStream[] = [];
  const create = (role: "edge" | "agent", peer: () => Session): Session =>
    createSession({
      role,
      limits: DEFAULT_SESSION_LIMITS,
      transport: { send: (bytes) => queueMicrotask(() => peer().receive(bytes)), close: () => undefined },
      onStream: (stream) => opened.push(stream),
      onControl: () => undefined,
    });
  const edge: Session = create("edge", () => agent);
  const agent: Session = create("agent", () => edge);
  const atEdge = edge.open({ kind: "generate", requestId: "r" });
  return {
    atEdge,
    get atAgent() {
      const [stream] = opened;
      if (!stream) throw new Error("the agent has not heard of the stream");
      return stream;
    },
  };
}

const observer = { read: () => undefined, settle: () => undefined };

it("resets the stream of a reader that takes nothing for too long", async () => {
  const streams = openStream();
  const reader = relayEvents(streams.atEdge, idle, observer, STALLED_MS).getReader();
  await scheduler.wait(1);
  const { atAgent } = streams;
  await atAgent.write(new TextEncoder().encode("first"));
  expect((await reader.read()).value).toEqual(new TextEncoder().encode("first"));
  await atAgent.write(new Uint8Array(1000));
  await expect.poll(() => atAgent.signal.aborted).toBe(true);
  expect(atAgent.signal.reason).toMatchObject({ code: "timeout" });
  expect(new TextDecoder().decode((await reader.read()).value)).toContain('"code":"timeout"');
});

it("leaves alone a reader that waits for an agent which has nothing to say", async () => {
  const streams = openStream();
  const reader = relayEvents(streams.atEdge, idle, observer, STALLED_MS).getReader();
  await scheduler.wait(1);
  const reading = reader.read();
  await scheduler.wait(4 * STALLED_MS);
  expect(streams.atAgent.signal.aborted).toBe(false);
  await streams.atAgent.write(new TextEncoder().encode("late"));
  expect(new TextDecoder().decode((await reading).value)).toBe("late");
  await reader.cancel();
  await expect.poll(() => streams.atAgent.signal.aborted).toBe(true);
});

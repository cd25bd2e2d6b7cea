import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../shared/protocol/handshake.ts";
import type { ControlMessage } from "../../shared/protocol/messages.ts";
import { createSession } from "../../shared/protocol/session.ts";
import type { ProtocolStream, Session, SessionOptions } from "../../shared/protocol/types.ts";

/** One direction of a wire: bytes wait in it until `deliver` moves them. */
export class Wire {
  readonly #waiting: Uint8Array[] = [];
  /** All bytes ever sent. */
  sentBytes = 0;
  closed: { code: number; reason: string } | undefined;

  send(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.sentBytes += bytes.length;
  }

  get waitingBytes(): number {
    return this.#waiting.reduce((total, bytes) => total + bytes.length, 0);
  }

  /** Takes up to `bytes` out: part of a message, or several merged. */
  take(bytes: number): Uint8Array {
    const all = Buffer.concat(this.#waiting);
    this.#waiting.length = 0;
    if (all.length > bytes) {
      this.#waiting.push(all.subarray(bytes));
    }
    return all.subarray(0, bytes);
  }
}

/** One end of a pair, with all that it was told. */
export interface End {
  session: Session;
  /** What this end has sent and the other has not received. */
  wire: Wire;
  streams: ProtocolStream[];
  control: ControlMessage[];
  goAways: string[];
}

export interface Pair {
  edge: End;
  agent: End;
  /** Delivers `bytes` of what waits in one direction. */
  deliver(from: "edge" | "agent", bytes?: number): void;
  /** Delivers both ways, letting promises run in between, until nothing waits. */
  settle(): Promise<void>;
}

/** An end whose peer is the test itself. */
export function createEnd(
  role: SessionOptions["role"],
  limits: SessionLimits = DEFAULT_SESSION_LIMITS,
  nextStreamId?: number,
): End {
  const wire = new Wire();
  const streams: ProtocolStream[] = [];
  const control: ControlMessage[] = [];
  const goAways: string[] = [];
  const session = createSession({
    role,
    limits,
    ...(nextStreamId === undefined ? {} : { nextStreamId }),
    transport: {
      send: (bytes) => wire.send(bytes),
      close: (code, reason) => {
        wire.closed = { code, reason };
      },
    },
    onStream: (stream) => streams.push(stream),
    onControl: (message) => control.push(message),
    onGoAway: (reason) => goAways.push(reason),
  });
  return { session, wire, streams, control, goAways };
}

/** Two sessions joined by two wires. */
export function createPair(limits: SessionLimits = DEFAULT_SESSION_LIMITS): Pair {
  const ends = { edge: createEnd("edge", limits), agent: createEnd("agent", limits) };
  const deliver: Pair["deliver"] = (from, bytes = Number.MAX_SAFE_INTEGER) => {
    const to = from === "edge" ? ends.agent : ends.edge;
    to.session.receive(ends[from].wire.take(bytes));
  };
  const settle = async (): Promise<void> => {
    do {
      deliver("edge");
      deliver("agent");
      await turn();
    } while (ends.edge.wire.waitingBytes + ends.agent.wire.waitingBytes > 0);
  };
  return { ...ends, deliver, settle };
}

/** Lets all promises that can run, run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Reads a stream to its end. */
export async function readAll(stream: ProtocolStream): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream.incoming) {
    pieces.push(piece.slice());
  }
  return Buffer.concat(pieces);
}

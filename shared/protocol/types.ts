import type { WireError } from "../errors.ts";
import type { ControlMessage, StreamHeader } from "./messages.ts";

/** Sends whole binary messages and closes. Nothing above it knows sockets; whoever owns it feeds `Session.receive`. */
export interface Transport {
  /**
   * Queues one frame, as a binary message of its own or merged with those before and after it; it may keep `bytes`. Must not
   * throw (a transport that is gone drops it) and must not call `Session.receive` before it returns.
   */
  send(bytes: Uint8Array): void;
  /** Closes with a code of `CLOSE_CODES` and a short reason. */
  close(code: number, reason: string): void;
}

/**
 * One bidirectional byte stream of a session. Writing waits for credit, so memory is bounded by what the peer consumes. Who
 * holds a stream reads `incoming` to its end, leaves the iteration early (the rest is then discarded as it comes), or resets:
 * otherwise unread bytes keep their share of the connection's credit.
 */
export interface ProtocolStream {
  readonly id: number;
  readonly header: StreamHeader;
  /**
   * Resolves when all of `bytes` has been handed to the transport within credit; until then they must not change. Rejects with
   * PorchlightError once the stream is reset or lost. With credit at hand the frame is sent before the call returns.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Half-closes this side after what was written. */
  end(): void;
  /** Ends both directions now; readers and writers of both sides fail with this error. Does nothing to a failed stream. */
  reset(error: WireError): void;
  /**
   * The peer's bytes in order, split and merged as it suits; ends after its END, throws PorchlightError on RESET or loss (bytes
   * not read by then are dropped). For one reader. Credit returns as it is read.
   */
  readonly incoming: AsyncIterable<Uint8Array>;
  /** Aborts when the stream is reset by the peer or lost with the session (not on a plain end). */
  readonly signal: AbortSignal;
}

/** Multiplexes streams over one authenticated transport. Knows no sockets, no clocks of its own, no storage. */
export interface Session {
  /** Feeds bytes that came from the peer, in any splitting; may keep views of them. A violation closes with 4400. */
  receive(bytes: Uint8Array): void;
  /** Opens a stream; throws PorchlightError `overloaded` when all streams are taken or the peer is going away. */
  open(header: StreamHeader): ProtocolStream;
  /** Sends a control message on stream 0. Throws ProtocolError `frame_too_large` if its JSON is over 64 KiB. */
  control(message: ControlMessage): void;
  /** Asks for a sign of life: whatever the peer says next is one. */
  ping(): void;
  /** Tells the peer to open no more streams; those there are go on. */
  goAway(reason: string): void;
  /** The transport is gone: every stream is lost with `agent_disconnected`. */
  lost(): void;
  /** Live streams. */
  readonly streamCount: number;
  /** The id the next opened stream will have: kept in a hibernating socket's attachment. */
  readonly nextStreamId: number;
}

export interface SessionOptions {
  /** Decides the ids of streams this side opens: odd for the agent (it dialled), even for the edge. */
  role: "edge" | "agent";
  transport: Transport;
  limits: { streamCreditBytes: number; connectionCreditBytes: number; streams: number };
  /**
   * For a socket that outlived its session (hibernation): `Session.nextStreamId` as it was. The session then starts at full
   * credit, forgives the peer what the one before it had spent, and resets streams that only that one knew.
   */
  nextStreamId?: number;
  /** A stream the peer opened. Must not throw. */
  onStream(stream: ProtocolStream): void;
  onControl(message: ControlMessage): void;
  onGoAway?(reason: string): void;
}

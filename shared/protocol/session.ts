import { z } from "zod";
import { PorchlightError } from "../errors.ts";
import { CLOSE_CODES } from "./close-codes.ts";
import { ReceiveCredit, SendCredit } from "./credit.ts";
import { encodeFrame, FLAG_ACK, FRAME, type Frame, FrameDecoder, type FrameType } from "./frames.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { type ControlMessage, controlMessageSchema, type StreamHeader, streamHeaderSchema } from "./messages.ts";
import { ProtocolError } from "./protocol-error.ts";
import { decodeWindow, encodeReset, encodeWindow, type StreamHost, TunnelStream } from "./stream.ts";
import type { ProtocolStream, Session, SessionOptions } from "./types.ts";

const MAX_STREAM_ID = 0xffff_ffff;
const CONTROL_STREAM = 0;
const PING_BYTES = 8;

const goAwaySchema = z.object({ reason: z.string().max(256) });

/**
 * A session over a transport whose handshake is done. Feed every later binary message to `receive`, and call `lost` when the
 * transport closes. The transport must not call `receive` from within `send`.
 */
export function createSession(options: SessionOptions): Session {
  return new TunnelSession(options);
}

class TunnelSession implements Session, StreamHost {
  readonly sendCredit: SendCredit;
  readonly #options: SessionOptions;
  readonly #decoder = new FrameDecoder();
  readonly #receiveCredit: ReceiveCredit;
  readonly #streams = new Map<number, TunnelStream>();
  readonly #turns: TunnelStream[] = [];
  readonly #handlers: Record<FrameType, (frame: Frame) => void>;
  /** Below it, ids of this side were opened by a session that this one took over from: see `nextStreamId`. */
  readonly #restoredFrom: number;
  #nextStreamId: number;
  #highestPeerId = 0;
  #ownStreams = 0;
  #takingTurns = false;
  #peerGoesAway = false;
  #goingAway = false;
  #over = false;

  constructor(options: SessionOptions) {
    const first = options.role === "agent" ? 1 : 2;
    this.#options = options;
    this.#nextStreamId = options.nextStreamId ?? first;
    this.#restoredFrom = this.#nextStreamId > first ? this.#nextStreamId : 0;
    this.sendCredit = new SendCredit(options.limits.connectionCreditBytes);
    this.#receiveCredit = new ReceiveCredit(options.limits.connectionCreditBytes);
    this.#handlers = {
      [FRAME.open]: (frame) => this.#onOpen(frame),
      [FRAME.data]: (frame) => this.#onData(frame),
      [FRAME.window]: (frame) => this.#onWindow(frame),
      [FRAME.end]: (frame) => this.#streamOf(frame)?.onEnd(),
      [FRAME.reset]: (frame) => this.#streamOf(frame)?.onReset(frame.payload),
      [FRAME.ping]: (frame) => this.#onPing(frame),
      [FRAME.goAway]: (frame) => this.#onGoAway(frame),
    };
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get nextStreamId(): number {
    return this.#nextStreamId;
  }

  receive(bytes: Uint8Array): void {
    if (this.#over) {
      return;
    }
    try {
      this.#decoder.push(bytes, (frame) => this.#handlers[frame.type](frame));
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#options.transport.close(CLOSE_CODES.protocol, error.reason);
      this.lost();
    }
  }

  open(header: StreamHeader): ProtocolStream {
    if (this.#over) {
      throw new PorchlightError("agent_disconnected");
    }
    const full = this.#ownStreams >= this.#options.limits.streams || this.#nextStreamId > MAX_STREAM_ID;
    if (full || this.#peerGoesAway) {
      throw new PorchlightError("overloaded");
    }
    const id = this.#nextStreamId;
    this.send(FRAME.open, id, encodeJson(header));
    this.#nextStreamId = id + 2;
    this.#ownStreams += 1;
    return this.#addStream(id, header);
  }

  control(message: ControlMessage): void {
    this.send(FRAME.data, CONTROL_STREAM, encodeJson(message));
  }

  ping(): void {
    this.send(FRAME.ping, CONTROL_STREAM, new Uint8Array(PING_BYTES));
  }

  goAway(reason: string): void {
    this.#goingAway = true;
    this.send(FRAME.goAway, CONTROL_STREAM, encodeJson({ reason: reason.slice(0, 256) }));
  }

  lost(): void {
    if (this.#over) {
      return;
    }
    this.#over = true;
    this.#turns.length = 0;
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#ownStreams = 0;
    for (const stream of streams) {
      stream.lose(new PorchlightError("agent_disconnected"));
    }
  }

  send(type: FrameType, streamId: number, payload?: Uint8Array, flags?: number): void {
    if (!this.#over) {
      this.#options.transport.send(encodeFrame(type, streamId, payload, flags));
    }
  }

  queue(stream: TunnelStream): void {
    if (!stream.queued) {
      stream.queued = true;
      this.#turns.push(stream);
    }
    this.#takeTurns();
  }

  consumed(bytes: number): void {
    const grant = this.#receiveCredit.consume(bytes);
    if (grant > 0) {
      this.send(FRAME.window, CONTROL_STREAM, encodeWindow(grant));
    } else if (this.#streams.size === 0) {
      this.#settleCredit();
    }
  }

  closed(stream: TunnelStream): void {
    if (this.#streams.delete(stream.id)) {
      this.#ownStreams -= this.#isOwn(stream.id) ? 1 : 0;
    }
    if (this.#streams.size === 0) {
      this.#settleCredit();
    }
  }

  /** With no stream left both sides stand at full credit, so that a side that forgets (hibernation) forgets nothing. */
  #settleCredit(): void {
    const grant = this.#receiveCredit.flush();
    if (grant > 0) {
      this.send(FRAME.window, CONTROL_STREAM, encodeWindow(grant));
    }
  }

  /** One frame per stream and turn, so that no stream starves another of the connection's credit. */
  #takeTurns(): void {
    if (this.#takingTurns) {
      return;
    }
    this.#takingTurns = true;
    while (this.sendCredit.available > 0) {
      const stream = this.#turns.shift();
      if (stream === undefined) {
        break;
      }
      if (stream.sendTurn()) {
        this.#turns.push(stream);
      } else {
        stream.queued = false;
      }
    }
    this.#takingTurns = false;
  }

  #addStream(id: number, header: StreamHeader): TunnelStream {
    const stream = new TunnelStream(id, header, this.#options.limits.streamCreditBytes, this);
    this.#streams.set(id, stream);
    return stream;
  }

  #isOwn(id: number): boolean {
    return (id & 1) === (this.#options.role === "agent" ? 1 : 0);
  }

  /** The stream a frame names, or undefined if it is closed (a frame that crossed our RESET). Throws if there never was one. */
  #streamOf({ streamId }: Frame): TunnelStream | undefined {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      const existed = this.#isOwn(streamId)
        ? streamId < this.#nextStreamId
        : streamId <= this.#highestPeerId || this.#restoredFrom > 0;
      if (!existed) {
        throw new ProtocolError("unknown_stream");
      }
    }
    return stream;
  }

  #onOpen({ streamId, payload }: Frame): void {
    if (this.#isOwn(streamId)) {
      throw new ProtocolError("wrong_parity");
    }
    if (streamId <= this.#highestPeerId) {
      throw new ProtocolError("stream_reused");
    }
    const header = decodeJson(payload, streamHeaderSchema);
    this.#highestPeerId = streamId;
    if (this.#goingAway) {
      this.send(FRAME.reset, streamId, encodeReset(new PorchlightError("overloaded").toWire()));
      return;
    }
    if (this.#streams.size - this.#ownStreams >= this.#options.limits.streams) {
      throw new ProtocolError("too_many_streams");
    }
    this.#options.onStream(this.#addStream(streamId, header));
  }

  #onData(frame: Frame): void {
    if (frame.streamId === CONTROL_STREAM) {
      this.#options.onControl(decodeJson(frame.payload, controlMessageSchema));
      return;
    }
    const stream = this.#streamOf(frame);
    this.#receiveCredit.take(frame.payload.length);
    if (stream !== undefined) {
      stream.onData(frame.payload);
      return;
    }
    this.consumed(frame.payload.length);
    const forgotten = this.#restoredFrom > 0 && (frame.streamId < this.#restoredFrom || !this.#isOwn(frame.streamId));
    if (forgotten) {
      // The session before this one knew the stream: without a word its sender would wait for credit forever.
      this.send(FRAME.reset, frame.streamId, encodeReset(new PorchlightError("agent_disconnected").toWire()));
    }
  }

  #onWindow(frame: Frame): void {
    const bytes = decodeWindow(frame.payload);
    if (frame.streamId !== CONTROL_STREAM) {
      this.#streamOf(frame)?.onWindow(bytes);
      return;
    }
    if (this.#restoredFrom > 0) {
      this.sendCredit.grantUpToLimit(bytes);
    } else {
      this.sendCredit.grant(bytes);
    }
    this.#takeTurns();
  }

  #onPing({ flags, payload }: Frame): void {
    if ((flags & FLAG_ACK) === 0) {
      this.send(FRAME.ping, CONTROL_STREAM, payload, FLAG_ACK);
    }
  }

  #onGoAway({ payload }: Frame): void {
    const { reason } = decodeJson(payload, goAwaySchema);
    this.#peerGoesAway = true;
    this.#options.onGoAway?.(reason);
  }
}

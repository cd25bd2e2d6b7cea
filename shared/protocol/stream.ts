import { PorchlightError, type WireError, wireErrorSchema } from "../errors.ts";
import { ByteQueue } from "./byte-queue.ts";
import { ReceiveCredit, SendCredit } from "./credit.ts";
import { FRAME, type FrameType, readUint32, writeUint32 } from "./frames.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { PROTOCOL_LIMITS } from "./limits.ts";
import type { StreamHeader } from "./messages.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { ProtocolStream } from "./types.ts";

/** What a stream needs of its session. */
export interface StreamHost {
  send(type: FrameType, streamId: number, payload?: Uint8Array): void;
  /** What may still be sent on the connection. */
  readonly sendCredit: SendCredit;
  /** Gives the stream turns (`sendTurn`) until it has nothing it may send. */
  queue(stream: TunnelStream): void;
  /** Bytes of the connection's credit that left a stream's buffer. */
  consumed(bytes: number): void;
  /** Both directions are over. */
  closed(stream: TunnelStream): void;
}

interface PendingWrite {
  bytes: Uint8Array;
  offset: number;
  resolve(): void;
  reject(error: Error): void;
}

const WRITTEN = Promise.resolve();

/** A stream of a session. The public face is ProtocolStream; `on...` and `sendTurn` are the session's. */
export class TunnelStream implements ProtocolStream {
  readonly id: number;
  readonly header: StreamHeader;
  readonly incoming: ByteQueue;
  /** Held by the session's queue of streams that wait for their turn; only the session touches it. */
  queued = false;
  readonly #host: StreamHost;
  readonly #abort = new AbortController();
  readonly #sendCredit: SendCredit;
  readonly #receiveCredit: ReceiveCredit;
  #pending: PendingWrite[] = [];
  /** `open` may write; `ending` has END waiting behind pending writes; `ended` has sent it. */
  #local: "open" | "ending" | "ended" = "open";
  #remoteEnded = false;
  #failure: PorchlightError | undefined;

  constructor(id: number, header: StreamHeader, creditBytes: number, host: StreamHost) {
    this.id = id;
    this.header = header;
    this.#host = host;
    this.#sendCredit = new SendCredit(creditBytes);
    this.#receiveCredit = new ReceiveCredit(creditBytes);
    this.incoming = new ByteQueue((bytes) => this.#consumed(bytes));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** `bytes` must stay as they are until the promise resolves. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    if (this.#local !== "open") {
      return Promise.reject(new TypeError(`Stream ${this.id} was ended; nothing more can be written.`));
    }
    if (bytes.length === 0) {
      return WRITTEN;
    }
    // With credit left on the connection no stream waits for a turn, so this overtakes nobody.
    if (this.#pending.length === 0 && bytes.length <= this.#frameRoom()) {
      this.#sendData(bytes);
      return WRITTEN;
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ bytes, offset: 0, resolve, reject });
      this.#requestTurn();
    });
  }

  end(): void {
    if (this.#failure === undefined && this.#local === "open") {
      this.#local = "ending";
      this.#endWhenDrained();
    }
  }

  reset(error: WireError): void {
    if (this.#failure !== undefined) {
      return;
    }
    const live = !this.#isOver();
    if (live) {
      this.#host.send(FRAME.reset, this.id, encodeReset(error));
    }
    this.#fail(PorchlightError.fromWire(error));
    if (live) {
      this.#host.closed(this);
    }
  }

  /** The session is gone: fails without a word to the peer. */
  lose(error: PorchlightError): void {
    this.#fail(error);
    this.#abort.abort(error);
  }

  onData(payload: Uint8Array): void {
    this.#refuseAfterEnd();
    this.#receiveCredit.take(payload.length);
    this.incoming.push(payload);
  }

  onEnd(): void {
    this.#refuseAfterEnd();
    this.#remoteEnded = true;
    this.incoming.end();
    this.#closeWhenOver();
  }

  onReset(payload: Uint8Array): void {
    this.lose(PorchlightError.fromWire(decodeJson(payload, wireErrorSchema)));
    this.#host.closed(this);
  }

  onWindow(bytes: number): void {
    this.#sendCredit.grant(bytes);
    this.#requestTurn();
  }

  /** Sends one DATA frame of what waits. Returns whether there is more that this stream's own credit would let go. */
  sendTurn(): boolean {
    const write = this.#pending[0];
    const room = this.#frameRoom();
    if (write === undefined || room === 0) {
      return false;
    }
    const end = Math.min(write.bytes.length, write.offset + room);
    this.#sendData(write.bytes.subarray(write.offset, end));
    write.offset = end;
    if (end === write.bytes.length) {
      this.#pending.shift();
      write.resolve();
      this.#endWhenDrained();
    }
    return this.#mayTakeTurn();
  }

  /** The most that one DATA frame may carry now. */
  #frameRoom(): number {
    return Math.min(PROTOCOL_LIMITS.frameBytes, this.#sendCredit.available, this.#host.sendCredit.available);
  }

  #sendData(bytes: Uint8Array): void {
    this.#sendCredit.spend(bytes.length);
    this.#host.sendCredit.spend(bytes.length);
    this.#host.send(FRAME.data, this.id, bytes);
  }

  #mayTakeTurn(): boolean {
    return this.#pending.length > 0 && this.#sendCredit.available > 0;
  }

  #requestTurn(): void {
    if (this.#mayTakeTurn()) {
      this.#host.queue(this);
    }
  }

  #endWhenDrained(): void {
    if (this.#local === "ending" && this.#pending.length === 0) {
      this.#local = "ended";
      this.#host.send(FRAME.end, this.id);
      this.#closeWhenOver();
    }
  }

  #isOver(): boolean {
    return this.#local === "ended" && this.#remoteEnded;
  }

  #closeWhenOver(): void {
    if (this.#isOver()) {
      this.#host.closed(this);
    }
  }

  #refuseAfterEnd(): void {
    if (this.#remoteEnded) {
      throw new ProtocolError("after_end");
    }
  }

  #consumed(bytes: number): void {
    const grant = this.#receiveCredit.consume(bytes);
    if (grant > 0 && !this.#remoteEnded && this.#failure === undefined) {
      this.#host.send(FRAME.window, this.id, encodeWindow(grant));
    }
    this.#host.consumed(bytes);
  }

  #fail(error: PorchlightError): void {
    this.#failure ??= error;
    const pending = this.#pending;
    this.#pending = [];
    for (const write of pending) {
      write.reject(error);
    }
    this.incoming.fail(error);
  }
}

/** Payload of WINDOW: the bytes granted. */
export function encodeWindow(bytes: number): Uint8Array {
  const payload = new Uint8Array(4);
  writeUint32(payload, 0, bytes);
  return payload;
}

/** Bytes that a WINDOW grants. Throws ProtocolError `bad_payload` for none. */
export function decodeWindow(payload: Uint8Array): number {
  const bytes = readUint32(payload, 0);
  if (bytes === 0) {
    throw new ProtocolError("bad_payload");
  }
  return bytes;
}

/** Payload of RESET, its texts cut to what a peer accepts. */
export function encodeReset(error: WireError): Uint8Array {
  const { code, message, param, retryAfterMs } = error;
  return encodeJson({ code, message: message.slice(0, 4096), param: param?.slice(0, 256), retryAfterMs });
}

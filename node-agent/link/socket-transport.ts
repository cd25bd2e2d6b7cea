import { WebSocket } from "ws";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import type { Transport } from "../../shared/protocol/types.ts";

/** Frames are merged up to this before they go out. */
const MERGE_BYTES = 64 * 1024;
/** Credit bounds what may wait for a slow peer; whoever makes us queue more is not slow but hostile. */
const MAX_QUEUED_BYTES = 4 * PROTOCOL_LIMITS.connectionCreditBytes;
/** WebSocket's limit for a close reason (RFC 6455, section 5.5). */
const MAX_REASON_BYTES = 123;
/** How long a closing peer may take to say so. */
const CLOSE_TIMEOUT_MS = 1000;

/**
 * A transport over `ws`. All frames of one turn of the event loop leave as one message: with many streams that is one system
 * call in place of many, and costs no frame more than the rest of its turn.
 */
export class SocketTransport implements Transport {
  readonly #socket: WebSocket;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #flush: NodeJS.Immediate | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  send(bytes: Uint8Array): void {
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    if (this.#batchBytes >= MERGE_BYTES) {
      this.flush();
    } else {
      this.#flush ??= setImmediate(() => this.flush());
    }
  }

  /** Sends what waits. */
  flush(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    const [first] = this.#batch;
    const message = this.#batch.length === 1 ? first : Buffer.concat(this.#batch);
    this.#batch = [];
    this.#batchBytes = 0;
    if (message === undefined || message.length === 0 || this.#socket.readyState !== WebSocket.OPEN) {
      return;
    }
    this.#socket.send(message);
    if (this.#socket.bufferedAmount > MAX_QUEUED_BYTES) {
      this.#socket.terminate();
    }
  }

  close(code: number, reason: string): void {
    this.flush();
    if (this.#socket.readyState === WebSocket.CONNECTING) {
      this.#socket.terminate();
      return;
    }
    this.#socket.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES).toString().replaceAll("\ufffd", ""));
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }
}

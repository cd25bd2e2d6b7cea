import { concatBytes } from "../../shared/bytes.ts";

/** Sends unless the socket is gone: its close event tells the rest. */
export function sendBytes(socket: WebSocket, bytes: Uint8Array): void {
  if (socket.readyState === WebSocket.READY_STATE_OPEN) socket.send(bytes);
}

/** Closes, also a socket that is closing or closed already. `reason` is cut to what a close frame holds. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState !== WebSocket.READY_STATE_CLOSED) socket.close(code, reason.slice(0, 120));
}

/** Gathers the frames of one turn into one message: OPEN, DATA and END of a small request cost one wake-up instead of three. */
export class FrameSender {
  readonly #socket: WebSocket;
  #frames: Uint8Array[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  send(frame: Uint8Array): void {
    this.#frames.push(frame);
    if (this.#frames.length === 1) queueMicrotask(() => this.flush());
  }

  /** Sends what was gathered now: before a close, which would overtake it. */
  flush(): void {
    const frames = this.#frames;
    this.#frames = [];
    if (frames.length > 0) sendBytes(this.#socket, concatBytes(frames));
  }
}

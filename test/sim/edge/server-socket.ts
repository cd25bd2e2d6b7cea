import type { Message, Wire } from "../net/wire.ts";

/** `readyState`, by the names that workerd gives it. */
export const STATES = { connecting: 0, open: 1, closing: 2, closed: 3 } as const;
type State = (typeof STATES)[keyof typeof STATES];

/** A socket as the runtime keeps it: it outlives the object that holds it, whose view of it is a VirtualWebSocket. */
export class ServerSocket {
  readonly tags: readonly string[];
  attachment: unknown = null;
  state: State = STATES.open;
  /** When a ping was last answered for it, by the wall clock of where it is. */
  pongedAtMs: number | undefined;
  /** Sent before the other half was handed out. */
  readonly #early: (() => void)[] = [];
  #wire: Wire | undefined;

  constructor(tags: readonly string[]) {
    this.tags = tags;
  }

  get wire(): Wire | undefined {
    return this.#wire;
  }

  connect(wire: Wire): void {
    this.#wire = wire;
    for (const send of this.#early.splice(0)) send();
  }

  send(message: Message): void {
    if (this.state !== STATES.open) throw new TypeError("Can't call WebSocket send() after close().");
    this.#whenConnected((wire) => wire.send(1, message));
  }

  close(code: number, reason: string): void {
    if (code !== 1000 && (code < 3000 || code > 4999) && code !== 1012) {
      throw new TypeError(`Invalid WebSocket close code: ${code}.`);
    }
    if (Buffer.byteLength(reason) > 123) throw new TypeError("WebSocket close reason is too long.");
    if (this.state === STATES.closing || this.state === STATES.closed) return;
    this.state = STATES.closing;
    this.#whenConnected((wire) => wire.close(1, code, reason));
  }

  #whenConnected(act: (wire: Wire) => void): void {
    const wire = this.#wire;
    if (wire) act(wire);
    else this.#early.push(() => this.#wire && act(this.#wire));
  }
}

/** workerd's WebSocket over a ServerSocket: as much of it as an object with hibernating sockets uses. */
export class VirtualWebSocket {
  static readonly READY_STATE_CONNECTING = STATES.connecting;
  static readonly READY_STATE_OPEN = STATES.open;
  static readonly READY_STATE_CLOSING = STATES.closing;
  static readonly READY_STATE_CLOSED = STATES.closed;
  #socket: ServerSocket | undefined;

  constructor(socket?: ServerSocket) {
    this.#socket = socket;
  }

  /** The half that the object keeps is accepted: from now on the runtime holds it. */
  bind(socket: ServerSocket): void {
    this.#socket = socket;
  }

  get socket(): ServerSocket {
    if (this.#socket === undefined) throw new TypeError("You must call accept() on this WebSocket before.");
    return this.#socket;
  }

  get readyState(): number {
    return this.socket.state;
  }

  send(message: Message | ArrayBuffer): void {
    this.socket.send(typeof message === "string" ? message : new Uint8Array(message).slice());
  }

  close(code = 1000, reason = ""): void {
    this.socket.close(code, reason);
  }

  serializeAttachment(value: unknown): void {
    if (Buffer.byteLength(JSON.stringify(value)) > 2048)
      throw new Error("A WebSocket's attachment is 2048 bytes at most.");
    this.socket.attachment = structuredClone(value);
  }

  deserializeAttachment(): unknown {
    return structuredClone(this.socket.attachment);
  }
}

/** The two halves: the object accepts one, its answer hands out the other. */
export class VirtualWebSocketPair {
  readonly 0: VirtualWebSocket;
  readonly 1: VirtualWebSocket;

  constructor() {
    this[1] = new VirtualWebSocket();
    this[0] = new VirtualWebSocket();
    halves.set(this[0], this[1]);
  }
}

const halves = new WeakMap<VirtualWebSocket, VirtualWebSocket>();

/** The runtime's socket behind the half that was handed out. */
export function acceptedHalf(handedOut: VirtualWebSocket): ServerSocket {
  const half = halves.get(handedOut);
  if (half === undefined) throw new Error("This is no half of a pair.");
  return half.socket;
}

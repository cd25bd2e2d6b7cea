import { EventEmitter } from "node:events";
import { currentWorld } from "../kernel/globals.ts";
import type { Process } from "../kernel/kernel.ts";
import type { Message, Wire, WireEnd } from "../net/wire.ts";

/** Answers a dial: exactly one of the two, in the dialler's process. */
export interface DialAnswer {
  accepted(wire: Wire): void;
  /** An HTTP status, or undefined when nobody could be reached. */
  refused(status: number | undefined): void;
}

/** What the network does with a dial. */
export type Dialling = (agentId: string, end: WireEnd, answer: DialAnswer) => void;

let dialling: Dialling | undefined;

/** Where sockets of the world that runs lead. */
export function connectSocketsTo(network: Dialling | undefined): void {
  dialling = network;
}

const ABNORMAL = 1006;
/** How long a peer has to answer a close. */
const CLOSE_TIMEOUT_MS = 30_000;

/** The package `ws`, as far as the link uses it, over the world's network. */
export class WebSocket extends EventEmitter {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readyState: number = WebSocket.CONNECTING;
  readonly bufferedAmount = 0;
  readonly #process: Process;
  #wire: Wire | undefined;
  /** What came on the heels of the dial's answer, and was here before it. */
  readonly #early: (() => void)[] = [];

  constructor(_url: string, options: { headers: Record<string, string> }) {
    super();
    this.#process = currentWorld().current;
    const end: WireEnd = {
      process: this.#process,
      onMessage: (message) => this.#onceOpen(() => this.#onMessage(message)),
      onClose: (code) => this.#onceOpen(() => this.#onClose(code)),
      onBroken: () => this.#onceOpen(() => this.#finish(ABNORMAL)),
    };
    dialling?.(options.headers["porchlight-agent"] ?? "", end, {
      accepted: (wire) => this.#onAccepted(wire),
      refused: (status) => this.#onRefused(status),
    });
  }

  send(message: Message): void {
    if (this.readyState === WebSocket.CONNECTING) throw new Error("WebSocket is not open: readyState 0 (CONNECTING)");
    if (this.readyState !== WebSocket.OPEN) return;
    this.#wire?.send(0, typeof message === "string" ? message : new Uint8Array(message));
  }

  close(code = 1005, reason = ""): void {
    if (this.readyState === WebSocket.CONNECTING) return this.terminate();
    if (this.readyState !== WebSocket.OPEN) return;
    this.readyState = WebSocket.CLOSING;
    this.#wire?.close(0, code, reason);
    const world = currentWorld();
    world.plan(this.#process, CLOSE_TIMEOUT_MS, () => this.terminate());
  }

  terminate(): void {
    if (this.readyState === WebSocket.CLOSED) return;
    if (this.readyState === WebSocket.CONNECTING)
      this.#fail("WebSocket was closed before the connection was established");
    this.#wire?.drop(0);
    this.readyState = WebSocket.CLOSING;
    currentWorld().plan(this.#process, 0, () => this.#finish(ABNORMAL));
  }

  #onAccepted(wire: Wire): void {
    this.#wire = wire;
    if (this.readyState !== WebSocket.CONNECTING) return wire.drop(0);
    this.readyState = WebSocket.OPEN;
    this.emit("open");
    for (const act of this.#early.splice(0)) act();
  }

  #onceOpen(act: () => void): void {
    if (this.readyState === WebSocket.CONNECTING) this.#early.push(act);
    else act();
  }

  #onRefused(status: number | undefined): void {
    if (this.readyState !== WebSocket.CONNECTING) return;
    if (status === undefined) {
      this.#fail("connect ECONNREFUSED", "ECONNREFUSED");
      this.#finish(ABNORMAL);
      return;
    }
    this.emit("unexpected-response", { destroy: () => undefined }, { statusCode: status, resume: () => undefined });
  }

  #onMessage(message: Message): void {
    if (this.readyState === WebSocket.CLOSED) return;
    const isBinary = typeof message !== "string";
    this.emit("message", Buffer.from(message as Uint8Array), isBinary);
  }

  /** The peer closes: answered by itself, as `ws` does. */
  #onClose(code: number): void {
    if (this.readyState === WebSocket.OPEN) this.#wire?.close(0, code, "");
    this.#finish(code);
  }

  #fail(message: string, code?: string): void {
    this.emit("error", Object.assign(new Error(message), code === undefined ? {} : { code }));
  }

  #finish(code: number): void {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.emit("close", code, Buffer.alloc(0));
  }
}

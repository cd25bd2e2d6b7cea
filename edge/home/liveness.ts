import type { Tunnel } from "./tunnels.ts";

/** An agent that hears nothing pings after 20 s: one that has not for so long is asked. */
const SILENT_MS = 45_000;
/** How long it may take to answer. */
const ANSWER_MS = 10_000;

export interface LivenessOptions {
  /** When the runtime last answered a ping of this socket, if it did. */
  pingedAtMs(socket: WebSocket): number | undefined;
  /** It says nothing any more. */
  onDead(tunnel: Tunnel): void;
  now?: () => number;
}

/**
 * Finds out which machines are gone without a word: asleep, without power, behind a cable that was pulled. TCP may take a quarter of an hour
 * for that. Whoever waits for a machine has it looked at now and then: an object that looked by itself could not hibernate.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #now: () => number;
  readonly #heardAtMs = new WeakMap<Tunnel, number>();
  readonly #askedAtMs = new WeakMap<Tunnel, number>();

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => Date.now());
  }

  /** A message came. */
  heard(tunnel: Tunnel): void {
    this.#heardAtMs.set(tunnel, this.#now());
  }

  /** Asks a machine that is silent whether it is there, or tells that it is not. */
  look(tunnel: Tunnel): void {
    const nowMs = this.#now();
    const lastMs = this.#lastMs(tunnel, nowMs);
    const askedMs = this.#askedAtMs.get(tunnel);
    const isAsked = askedMs !== undefined && askedMs >= lastMs;
    if (isAsked && nowMs - askedMs >= ANSWER_MS) return this.#options.onDead(tunnel);
    if (!isAsked && nowMs - lastMs >= SILENT_MS) {
      this.#askedAtMs.set(tunnel, nowMs);
      tunnel.session.ping();
    }
  }

  /** When it last gave a sign of life; an object that was woken with it takes that moment, until it knows better. */
  #lastMs(tunnel: Tunnel, nowMs: number): number {
    const pingedMs = this.#options.pingedAtMs(tunnel.socket);
    const heardMs = this.#heardAtMs.get(tunnel);
    if (pingedMs === undefined && heardMs === undefined) {
      this.#heardAtMs.set(tunnel, nowMs);
      return nowMs;
    }
    return Math.max(pingedMs ?? 0, heardMs ?? 0);
  }
}

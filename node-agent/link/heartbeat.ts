export interface HeartbeatTiming {
  pingIntervalMs: number;
  pongTimeoutMs: number;
}

/** Pings a peer that has been silent, and tells when it stays so. */
export class Heartbeat {
  readonly #timing: HeartbeatTiming;
  readonly #silence: NodeJS.Timeout;
  #answer: NodeJS.Timeout | undefined;

  constructor(timing: HeartbeatTiming, handlers: { ping(): void; dead(): void }) {
    this.#timing = timing;
    this.#silence = setTimeout(() => {
      handlers.ping();
      this.#answer = setTimeout(() => handlers.dead(), this.#timing.pongTimeoutMs);
    }, timing.pingIntervalMs);
  }

  /** Anything came from the peer. */
  heard(): void {
    clearTimeout(this.#answer);
    this.#answer = undefined;
    this.#silence.refresh();
  }

  stop(): void {
    clearTimeout(this.#answer);
    clearTimeout(this.#silence);
  }
}

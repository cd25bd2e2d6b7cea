import { ProtocolError } from "./protocol-error.ts";

/** What this side may still send: on one stream, or on the whole connection. */
export class SendCredit {
  readonly #limit: number;
  #available: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.#available = limit;
  }

  get available(): number {
    return this.#available;
  }

  spend(bytes: number): void {
    this.#available -= bytes;
  }

  /** Takes a WINDOW in. More than was ever spent is a violation: throws ProtocolError `window_overflow`. */
  grant(bytes: number): void {
    if (this.#available + bytes > this.#limit) {
      throw new ProtocolError("window_overflow");
    }
    this.#available += bytes;
  }

  /**
   * Takes a WINDOW in, up to the limit. For a session that forgot what it had spent (it started over with full credit on a
   * socket that outlived it), where the peer rightly returns what was spent before.
   */
  grantUpToLimit(bytes: number): void {
    this.#available = Math.min(this.#limit, this.#available + bytes);
  }
}

/** What the peer may still send, and what was consumed of it but not granted back yet. */
export class ReceiveCredit {
  readonly #batch: number;
  #available: number;
  #consumed = 0;

  constructor(limit: number) {
    // Granting back by halves keeps a fast sender moving at one small frame per half window.
    this.#batch = limit / 2;
    this.#available = limit;
  }

  /** The peer sent `bytes`. Throws ProtocolError `credit_exceeded` if that is more than it had. */
  take(bytes: number): void {
    if (bytes > this.#available) {
      throw new ProtocolError("credit_exceeded");
    }
    this.#available -= bytes;
  }

  /** The application consumed `bytes`. Returns what to grant back now: 0 until there is half a window of it. */
  consume(bytes: number): number {
    this.#consumed += bytes;
    return this.#consumed >= this.#batch ? this.flush() : 0;
  }

  /** All that is consumed and not granted back: it counts as granted from now on. */
  flush(): number {
    const granted = this.#consumed;
    this.#consumed = 0;
    this.#available += granted;
    return granted;
  }
}

/** Pieces under half of this are gathered in chunks of this size, so that many tiny ones cost little more than their bytes. */
const CHUNK_BYTES = 4096;

interface Chunk {
  bytes: Uint8Array;
  used: number;
}

interface Waiter {
  resolve(result: IteratorResult<Uint8Array, undefined>): void;
  reject(error: Error): void;
}

/**
 * Bytes between a session that receives and one reader that iterates. Pieces may reach the reader merged, never reordered.
 * Memory is at most about twice the bytes held, however small the pieces were. `onConsumed` is told of all bytes that left:
 * read, or discarded because the reader left early or the queue failed.
 */
export class ByteQueue implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #onConsumed: (bytes: number) => void;
  #chunks: Chunk[] = [];
  #waiter: Waiter | undefined;
  #ended = false;
  #left = false;
  #failure: Error | undefined;

  constructor(onConsumed: (bytes: number) => void) {
    this.#onConsumed = onConsumed;
  }

  /** Bytes held. */
  get bufferedBytes(): number {
    return this.#chunks.reduce((total, chunk) => total + chunk.used, 0);
  }

  /** Adds bytes; the queue may keep the view. */
  push(bytes: Uint8Array): void {
    if (this.#left || this.#failure !== undefined) {
      this.#onConsumed(bytes.length);
    } else if (this.#waiter === undefined) {
      this.#keep(bytes);
    } else {
      this.#settle({ value: bytes, done: false });
      this.#onConsumed(bytes.length);
    }
  }

  /** No more bytes come; what is held can still be read. */
  end(): void {
    this.#ended = true;
    this.#settle({ value: undefined, done: true });
  }

  /** Discards what is held; the reader's next step, and every one after it, rejects with `error`. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#discard();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(error);
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#onConsumed(chunk.used);
      return Promise.resolve({ value: chunk.bytes.subarray(0, chunk.used), done: false });
    }
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    if (this.#ended || this.#left) {
      return Promise.resolve({ value: undefined, done: true });
    }
    if (this.#waiter !== undefined) {
      return Promise.reject(new TypeError("A stream has one reader, and that one is waiting already."));
    }
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** The reader leaves: what is held, and all that still comes, is discarded. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#left = true;
    this.#discard();
    this.#settle({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #settle(result: IteratorResult<Uint8Array, undefined>): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resolve(result);
  }

  #keep(bytes: Uint8Array): void {
    const tail = this.#chunks.at(-1);
    if (tail !== undefined && tail.used + bytes.length <= tail.bytes.length) {
      tail.bytes.set(bytes, tail.used);
      tail.used += bytes.length;
    } else if (bytes.length < CHUNK_BYTES / 2) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      chunk.set(bytes);
      this.#chunks.push({ bytes: chunk, used: bytes.length });
    } else {
      // A small view would keep the whole message it came in alive.
      const own = bytes.length * 2 >= bytes.buffer.byteLength ? bytes : bytes.slice();
      this.#chunks.push({ bytes: own, used: own.length });
    }
  }

  #discard(): void {
    const bytes = this.bufferedBytes;
    this.#chunks = [];
    if (bytes > 0) {
      this.#onConsumed(bytes);
    }
  }
}

/** Tokens of a chunk: powers of two, so that an engine settles on few sizes. */
const LEAST = 32;
const MOST = 512;
const FIRST = 128;
/** How long a chunk should take while others wait for their next token, and while nobody does: a cancelled prompt runs that much longer. */
const SHARED_MS = 120;
const ALONE_MS = 400;
const LEARNING_RATE = 0.3;

/** Chooses how many prompt tokens to compute in one step, from what earlier ones took. */
export class ChunkSize {
  #msPerToken: number | undefined;

  /** What a token of a prompt takes; infinite until it was measured. */
  get msPerToken(): number {
    return this.#msPerToken ?? Number.POSITIVE_INFINITY;
  }

  choose(isShared: boolean): number {
    if (this.#msPerToken === undefined) return FIRST;
    const fitting = (isShared ? SHARED_MS : ALONE_MS) / this.#msPerToken;
    return Math.min(MOST, Math.max(LEAST, 2 ** Math.floor(Math.log2(fitting))));
  }

  /** Short chunks say little: most of their time is that of reading the weights. */
  measured(tokens: number, ms: number): void {
    if (tokens < LEAST) return;
    const now = ms / tokens;
    this.#msPerToken =
      this.#msPerToken === undefined ? now : this.#msPerToken + LEARNING_RATE * (now - this.#msPerToken);
  }
}

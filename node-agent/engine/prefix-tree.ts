import type { KvSegment } from "./decoder.ts";

interface Node {
  /** Tokens between the parent and here; at least one, but for the root. */
  tokens: readonly number[];
  /** Their keys and values; the root has none. */
  segment: KvSegment | null;
  parent: Node | null;
  /** By first token. */
  readonly children: Map<number, Node>;
  /** Leases that end here. */
  refs: number;
  lastUsed: number;
}

/** A segment of a path, of which the first `length` positions count; they stand at `at` of the whole. */
export interface PathPart {
  segment: KvSegment;
  at: number;
  length: number;
}

/** The longest known prefix of some tokens. It stays in memory until it is released. */
export interface PrefixLease {
  /** Tokens of it. */
  readonly length: number;
  /** Its keys and values, in order. */
  segments(): PathPart[];
  release(): void;
}

/**
 * Keys and values of past sequences in a radix tree over token ids (Zheng et al., arXiv:2312.07104): what begins alike is held once.
 * Beyond `maxBytes` the leaves that were used least recently go; those under a lease stay.
 */
export class PrefixTree {
  readonly #root: Node = createNode([], null, null);
  readonly #onEvicted: (tokens: readonly number[], parts: PathPart[]) => void;
  #maxBytes: number;
  #bytes = 0;
  #clock = 0;

  /** @param onEvicted hears, before they are gone, the tokens of a leaf from the root on, with their keys and values */
  constructor(maxBytes: number, onEvicted: (tokens: readonly number[], parts: PathPart[]) => void = () => {}) {
    this.#maxBytes = maxBytes;
    this.#onEvicted = onEvicted;
  }

  /** Memory of all segments. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Length of the longest prefix of `tokens` that is held. */
  match(tokens: readonly number[]): number {
    return this.#walk(tokens).length;
  }

  /** Finds the longest prefix of `tokens` and keeps it until the lease is released. */
  acquire(tokens: readonly number[]): PrefixLease {
    const { node, length } = this.#walk(tokens);
    this.#touch(node);
    node.refs++;
    let isReleased = false;
    return {
      length,
      segments: () => segmentsOf(node, length),
      release: () => {
        if (isReleased) return;
        isReleased = true;
        node.refs--;
        // The tree may have been given less memory meanwhile.
        this.#makeRoom(this.#maxBytes);
      },
    };
  }

  /**
   * Remembers the keys and values of `tokens`; `read(from, to)` copies those that are not known yet, `bytesPerPosition` each. Nothing
   * is stored when there is no room for them.
   */
  insert(tokens: readonly number[], bytesPerPosition: number, read: (from: number, to: number) => KvSegment): void {
    const { node: found, length, within } = this.#walk(tokens);
    this.#touch(found);
    if (length === tokens.length) return;
    const parent = within === found.tokens.length ? found : this.#split(found, within);
    const bytes = (tokens.length - length) * bytesPerPosition;
    parent.refs++;
    const fits = bytes <= this.#maxBytes && this.#makeRoom(this.#maxBytes - bytes);
    parent.refs--;
    if (!fits) return;
    const node = createNode(tokens.slice(length), read(length, tokens.length), parent);
    node.lastUsed = ++this.#clock;
    parent.children.set(node.tokens[0] ?? 0, node);
    this.#bytes += node.segment?.bytes ?? 0;
  }

  /** Sets the memory it may take, from now on; gives back what is over it, but for what is leased. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#makeRoom(maxBytes);
  }

  /** Throws if the tree contradicts itself, or if it is said to be idle and something is still leased. */
  checkIntegrity(isIdle: boolean): void {
    let bytes = 0;
    for (const node of this.#nodes()) {
      bytes += node.segment?.bytes ?? 0;
      if (isIdle && node.refs !== 0) throw new Error(`${node.refs} leases were never released.`);
      if (node.refs < 0) throw new Error("A lease was released twice.");
      if (node === this.#root) continue;
      if (node.segment?.length !== node.tokens.length) throw new Error("A segment does not fit its tokens.");
      if (node.parent?.children.get(node.tokens[0] ?? -1) !== node)
        throw new Error("A node is not its parent's child.");
    }
    if (bytes !== this.#bytes) throw new Error(`${this.#bytes} bytes are counted, ${bytes} are held.`);
  }

  /** The deepest node that the tokens reach, how many tokens that is, and how many of them are the node's own. */
  #walk(tokens: readonly number[]): { node: Node; length: number; within: number } {
    let node = this.#root;
    let length = 0;
    for (;;) {
      const child = node.children.get(tokens[length] ?? -1);
      if (child === undefined) return { node, length, within: node.tokens.length };
      const within = commonLength(child.tokens, tokens, length);
      length += within;
      node = child;
      if (within < child.tokens.length) return { node, length, within };
    }
  }

  /** Puts a node before `node` that takes its first `at` tokens. Leases of `node` go on to cover all of it. */
  #split(node: Node, at: number): Node {
    const { parent, segment, tokens } = node;
    if (parent === null || segment === null) throw new Error("The root has no tokens to split.");
    const upper = createNode(tokens.slice(0, at), segment.slice(0, at), parent);
    upper.lastUsed = node.lastUsed;
    parent.children.set(upper.tokens[0] ?? 0, upper);
    node.tokens = tokens.slice(at);
    node.segment = segment.slice(at, tokens.length);
    node.parent = upper;
    upper.children.set(node.tokens[0] ?? 0, node);
    return upper;
  }

  #touch(node: Node): void {
    this.#clock++;
    for (let at: Node | null = node; at !== null; at = at.parent) at.lastUsed = this.#clock;
  }

  /** Removes leaves until at most `bytes` are held. False if leases do not allow it. */
  #makeRoom(bytes: number): boolean {
    while (this.#bytes > bytes) {
      let oldest: Node | undefined;
      for (const node of this.#nodes()) {
        const isFree = node.children.size === 0 && node.refs === 0 && node !== this.#root;
        if (isFree && node.lastUsed < (oldest?.lastUsed ?? Number.POSITIVE_INFINITY)) oldest = node;
      }
      if (oldest === undefined) return false;
      const tokens = tokensTo(oldest);
      this.#onEvicted(tokens, segmentsOf(oldest, tokens.length));
      oldest.parent?.children.delete(oldest.tokens[0] ?? 0);
      this.#bytes -= oldest.segment?.bytes ?? 0;
    }
    return true;
  }

  *#nodes(): Generator<Node> {
    const open = [this.#root];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      yield node;
      open.push(...node.children.values());
    }
  }
}

function createNode(tokens: readonly number[], segment: KvSegment | null, parent: Node | null): Node {
  return { tokens, segment, parent, children: new Map(), refs: 0, lastUsed: 0 };
}

/** All tokens from the root to `node`. */
function tokensTo(node: Node): number[] {
  const runs: (readonly number[])[] = [];
  for (let at: Node | null = node; at !== null; at = at.parent) runs.unshift(at.tokens);
  return runs.flat();
}

/** The segments on the way from the root to `node`, cut at `length` tokens. */
function segmentsOf(node: Node, length: number): PathPart[] {
  const path: KvSegment[] = [];
  for (let at: Node | null = node; at !== null; at = at.parent) if (at.segment !== null) path.unshift(at.segment);
  let at = 0;
  return path.flatMap((segment) => {
    const used = Math.min(segment.length, length - at);
    const entry = { segment, at, length: used };
    at += used;
    return used > 0 ? [entry] : [];
  });
}

/** How many of `run` continue `tokens` from `at` on. */
function commonLength(run: readonly number[], tokens: readonly number[], at: number): number {
  const end = Math.min(run.length, tokens.length - at);
  let length = 0;
  while (length < end && run[length] === tokens[at + length]) length++;
  return length;
}

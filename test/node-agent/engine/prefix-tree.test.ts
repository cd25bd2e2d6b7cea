import { assert, array as listOf, integer, oneof, property, record, constant } from "fast-check";
import { describe, expect, it } from "vitest";
import type { KvSegment } from "../../../node-agent/engine/decoder.ts";
import { type PrefixLease, PrefixTree } from "../../../node-agent/engine/prefix-tree.ts";
import { commonPrefix } from "../../../node-agent/engine/slot-table.ts";

/** A segment that holds its tokens, 4 bytes each. */
class Tokens implements KvSegment {
  readonly tokens: readonly number[];

  constructor(tokens: readonly number[]) {
    this.tokens = tokens;
  }

  get length(): number {
    return this.tokens.length;
  }

  get bytes(): number {
    return 4 * this.length;
  }

  get data(): Uint8Array {
    return new Uint8Array(Int32Array.from(this.tokens).buffer);
  }

  slice(from: number, to: number): Tokens {
    return new Tokens(this.tokens.slice(from, to));
  }
}

function insert(tree: PrefixTree, tokens: readonly number[]): void {
  tree.insert(tokens, 4, (from, to) => new Tokens(tokens.slice(from, to)));
}

/** The tokens that a lease hands out. */
function contents(lease: PrefixLease): number[] {
  let next = 0;
  return lease.segments().flatMap(({ segment, at, length }) => {
    expect(segment).toBeInstanceOf(Tokens);
    expect(at).toBe(next);
    next += length;
    const { tokens } = segment as Tokens; // just asserted
    return tokens.slice(0, length);
  });
}

const sequence = listOf(integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 12 });

describe("PrefixTree", () => {
  it("finds the longest prefix of anything that was put in", () => {
    assert(
      property(listOf(sequence, { maxLength: 20 }), sequence, (known, wanted) => {
        const tree = new PrefixTree(1e6);
        for (const tokens of known) insert(tree, tokens);
        const expected = Math.max(0, ...known.map((tokens) => commonPrefix(tokens, wanted)));
        const lease = tree.acquire(wanted);
        expect(lease.length).toBe(expected);
        expect(contents(lease)).toEqual(wanted.slice(0, expected));
        lease.release();
        tree.checkIntegrity(true);
      }),
    );
  });

  it("holds what is shared once", () => {
    const tree = new PrefixTree(1e6);
    insert(tree, [1, 2, 3, 4, 5]);
    insert(tree, [1, 2, 3, 9]);
    insert(tree, [1, 2]);
    expect(tree.bytes).toBe(4 * 6);
  });

  it("stays within its memory and keeps what is leased, whatever happens", () => {
    const action = oneof(
      record({ kind: constant("insert" as const), tokens: sequence }),
      record({ kind: constant("acquire" as const), tokens: sequence }),
      record({ kind: constant("release" as const), index: integer({ min: 0, max: 5 }) }),
      record({ kind: constant("resize" as const), maxBytes: integer({ min: 0, max: 160 }) }),
    );
    assert(
      property(listOf(action, { maxLength: 60 }), (actions) => {
        const tree = new PrefixTree(160);
        let maxBytes = 160;
        const leases: { lease: PrefixLease; tokens: readonly number[] }[] = [];
        for (const step of actions) {
          if (step.kind === "insert") insert(tree, step.tokens);
          else if (step.kind === "acquire") leases.push({ lease: tree.acquire(step.tokens), tokens: step.tokens });
          else if (step.kind === "release") leases.splice(step.index, 1)[0]?.lease.release();
          else {
            maxBytes = step.maxBytes;
            tree.resize(maxBytes);
          }
          for (const { lease, tokens } of leases) expect(contents(lease)).toEqual(tokens.slice(0, lease.length));
          if (leases.length === 0) expect(tree.bytes).toBeLessThanOrEqual(maxBytes);
          tree.checkIntegrity(leases.length === 0);
        }
      }),
    );
  });

  it("gives up what was leased while its memory shrank, once it is released", () => {
    const tree = new PrefixTree(160);
    insert(tree, [1, 0]);
    const lease = tree.acquire([1, 0]);
    tree.resize(0);
    expect(tree.bytes).toBeGreaterThan(0);
    lease.release();
    expect(tree.bytes).toBe(0);
  });

  it("lets what was used least recently go first", () => {
    const tree = new PrefixTree(4 * 9);
    insert(tree, [1, 1, 1]);
    insert(tree, [2, 2, 2]);
    insert(tree, [3, 3, 3]);
    tree.acquire([1, 1]).release();
    insert(tree, [4, 4, 4]);
    expect([1, 2, 3, 4].map((token) => tree.match([token, token, token]))).toEqual([3, 0, 3, 3]);
  });

  it("hands over all of what it gives up", () => {
    const gone: { tokens: readonly number[]; contents: number[] }[] = [];
    const tree = new PrefixTree(1e6, (tokens, parts) => {
      gone.push({
        tokens,
        contents: parts.flatMap(({ segment, length }) => [...new Int32Array(segment.slice(0, length).data.buffer)]),
      });
    });
    insert(tree, [1, 2, 3, 4]);
    insert(tree, [1, 2, 9]);
    tree.resize(0);
    for (const { tokens, contents: held } of gone) expect(held).toEqual(tokens);
    expect(gone.map(({ tokens }) => tokens)).toEqual(
      expect.arrayContaining([
        [1, 2, 3, 4],
        [1, 2, 9],
        [1, 2],
      ]),
    );
  });

  it("says so when something is leaked or released twice", () => {
    const tree = new PrefixTree(100);
    insert(tree, [1, 2]);
    const lease = tree.acquire([1]);
    expect(() => tree.checkIntegrity(true)).toThrow(/never released/u);
    tree.checkIntegrity(false);
    lease.release();
    lease.release();
    tree.checkIntegrity(true);
  });
});

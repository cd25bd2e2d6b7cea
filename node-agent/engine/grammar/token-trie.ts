/** Tokens arranged by their bytes, depth first: node i's subtree is the nodes [i, ends[i]). */
export interface TokenTrie {
  readonly bytes: Uint8Array;
  /** 1 for the first byte of a token. */
  readonly depths: Uint16Array;
  readonly ends: Uint32Array;
  /** Tokens that end at node i: `tokens[tokenStarts[i] .. tokenStarts[i + 1])`. */
  readonly tokenStarts: Uint32Array;
  readonly tokens: Uint32Array;
  readonly maxDepth: number;
}

/** @param entries tokens with the bytes they stand for, at least one */
export function createTokenTrie(entries: readonly { id: number; bytes: Uint8Array }[]): TokenTrie {
  const sorted = entries.toSorted((a, b) => compareBytes(a.bytes, b.bytes) || a.id - b.id);
  const bytes: number[] = [];
  const depths: number[] = [];
  const ends: number[] = [];
  const tokenStarts: number[] = [];
  /** Nodes from the root to the last one. */
  let path: number[] = [];
  let previous = new Uint8Array();
  for (const [i, entry] of sorted.entries()) {
    let shared = 0;
    while (shared < previous.length && shared < entry.bytes.length && previous[shared] === entry.bytes[shared])
      shared++;
    for (const closed of path.slice(shared)) ends[closed] = bytes.length;
    path = path.slice(0, shared);
    for (const byte of entry.bytes.subarray(shared)) {
      path.push(bytes.length);
      bytes.push(byte);
      depths.push(path.length);
      tokenStarts.push(i);
    }
    previous = new Uint8Array(entry.bytes);
    // The token belongs to its last node; nodes on the way to it have none.
    tokenStarts[bytes.length] = i + 1;
  }
  for (const open of path) ends[open] = bytes.length;
  tokenStarts[bytes.length] = sorted.length;
  return {
    bytes: Uint8Array.from(bytes),
    depths: Uint16Array.from(depths),
    ends: Uint32Array.from(ends),
    tokenStarts: Uint32Array.from(tokenStarts),
    tokens: Uint32Array.from(sorted, ({ id }) => id),
    maxDepth: depths.reduce((most, depth) => Math.max(most, depth), 0),
  };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

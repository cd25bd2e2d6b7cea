import { isNullable, nullableRules } from "./analysis.ts";
import { type CodePoints, complement, type Expression, type Grammar, GRAMMAR_LIMITS, grammarError } from "./grammar.ts";
import { type ByteSequence, utf8Sequences } from "./utf8-ranges.ts";

export interface ByteEdge {
  readonly first: number;
  readonly last: number;
  readonly target: number;
}

/** A place in a grammar: what may come next there. */
export type NetworkNode =
  | {
      readonly kind: "bytes";
      readonly edges: readonly ByteEdge[];
      /** Where any plain character leads, if all lead to the same place. */
      readonly plainTarget: number | null;
      /** Whether some plain character may come here. */
      readonly takesPlain: boolean;
    }
  | { readonly kind: "fork"; readonly targets: number[] }
  /** `start` is of the rule; then `next`. */
  | { readonly kind: "call"; readonly rule: string; readonly next: number }
  | {
      readonly kind: "count";
      readonly start: number;
      readonly min: number;
      readonly max: number;
      readonly next: number;
    }
  | { readonly kind: "return" };

/** A grammar as a recursive transition network over bytes (Woods 1970), with counters for bounded repetition. */
export interface Network {
  readonly nodes: readonly NetworkNode[];
  readonly ruleStarts: ReadonlyMap<string, number>;
  readonly root: string;
}

/**
 * Characters that a JSON string, and nearly every free text, takes one like the other. `<` is not among them because tool calls
 * are announced by it.
 */
export const PLAIN: CodePoints = complement([
  [0, 0x1f],
  [0x22, 0x22],
  [0x3c, 0x3c],
  [0x5c, 0x5c],
]);
const NOT_PLAIN = complement(PLAIN);
const isPlainStart = Array.from({ length: 256 }, (_, byte) => isPlainByte(byte));

function isPlainByte(byte: number): boolean {
  if (byte >= 0x80) return byte >= 0xc2 && byte <= 0xf4;
  return PLAIN.some(([first, last]) => byte >= first && byte <= last);
}

/** @param grammar one that `checkGrammar` has passed */
export function createNetwork(grammar: Grammar): Network {
  const builder = new NetworkBuilder(grammar);
  const ruleStarts = new Map<string, number>();
  for (const [name, body] of grammar.rules) ruleStarts.set(name, builder.build(body, builder.end));
  return { nodes: builder.nodes, ruleStarts, root: grammar.root };
}

class NetworkBuilder {
  readonly nodes: NetworkNode[] = [{ kind: "return" }];
  /** Where every rule and every repeated part ends. */
  readonly end = 0;
  readonly #nullable: ReadonlySet<string>;
  /** Nodes for the rest of a character, shared between the characters that end alike. */
  readonly #tails = new Map<string, number>();

  constructor(grammar: Grammar) {
    this.#nullable = nullableRules(grammar);
  }

  /** The node at which `body`, followed by `next`, begins. */
  build(body: Expression, next: number): number {
    switch (body.type) {
      case "text":
        return utf8.encode(body.text).reduceRight((after, byte) => this.#bytes([edge(byte, byte, after)]), next);
      case "characters":
        return this.#characters(body.set, next);
      case "sequence":
        return body.items.reduceRight((after, item) => this.build(item, after), next);
      case "choice":
        return this.#add({ kind: "fork", targets: body.items.map((item) => this.build(item, next)) });
      case "repeat":
        return this.#repeat(body, next);
      case "rule":
        return this.#add({ kind: "call", rule: body.name, next });
      case "free":
        break;
    }
    return this.#free(body.opener, this.build(body.body, next), next);
  }

  #add(node: NetworkNode): number {
    if (this.nodes.length >= GRAMMAR_LIMITS.nodes) {
      throw grammarError("The grammar or schema is too large: make it smaller or split it.");
    }
    return this.nodes.push(node) - 1;
  }

  #bytes(edges: readonly ByteEdge[], plainTarget: number | null = null): number {
    const takesPlain = edges.some(({ first, last }) => mayStartPlain(first, last));
    return this.#add({ kind: "bytes", edges, plainTarget, takesPlain });
  }

  #characters(set: CodePoints, next: number): number {
    const { sequences, holdsPlain } = inUtf8(set);
    const edges = sequences.map(([head = [0, 0], ...tail]) => edge(head[0], head[1], this.#tail(tail, next)));
    return this.#bytes(edges, holdsPlain ? next : null);
  }

  #tail(tail: ByteSequence, next: number): number {
    const [head, ...rest] = tail;
    if (head === undefined) return next;
    const key = `${tail.join(";")}>${next}`;
    let node = this.#tails.get(key);
    if (node === undefined) {
      node = this.#bytes([edge(head[0], head[1], this.#tail(rest, next))]);
      this.#tails.set(key, node);
    }
    return node;
  }

  #repeat({ item, min, max }: Extract<Expression, { type: "repeat" }>, next: number): number {
    if (max === 0) return next;
    if (min === 0 && max === 1) return this.#add({ kind: "fork", targets: [this.build(item, next), next] });
    if (min === 1 && max === 1) return this.build(item, next);
    if (min <= 1 && max === Number.POSITIVE_INFINITY) {
      const targets: number[] = [];
      const loop = this.#add({ kind: "fork", targets });
      const start = this.build(item, loop);
      targets.push(start, next);
      return min === 0 ? loop : start;
    }
    if (min > GRAMMAR_LIMITS.repetitions || (max > GRAMMAR_LIMITS.repetitions && max !== Number.POSITIVE_INFINITY)) {
      throw grammarError(`A count of more than ${GRAMMAR_LIMITS.repetitions} repetitions is too large.`);
    }
    // What may be empty may be left out as often as one likes.
    const least = isNullable(item, this.#nullable) ? 0 : min;
    return this.#add({ kind: "count", start: this.build(item, this.end), min: least, max, next });
  }

  /** Follows how much of `opener` the text ends with (Knuth-Morris-Pratt); at every place before it, `next` may come too. */
  #free(opener: string, then: number, next: number): number {
    const pattern = utf8.encode(opener);
    const forks: number[][] = Array.from(pattern, () => []);
    const places = forks.map((targets) => this.#add({ kind: "fork", targets }));
    for (const [matched, targets] of forks.entries()) {
      const edges: ByteEdge[] = [];
      for (let byte = 0; byte < 256; byte++) {
        const target = advance(pattern, matched, byte);
        const node = target === pattern.length ? then : (places[target] ?? next);
        const last = edges.at(-1);
        if (last?.target === node) edges[edges.length - 1] = { ...last, last: byte };
        else edges.push(edge(byte, byte, node));
      }
      targets.push(this.#bytes(edges, this.#plainTargetOf(edges)), next);
    }
    return places[0] ?? next;
  }

  #plainTargetOf(edges: readonly ByteEdge[]): number | null {
    const targets = new Set(edges.filter(({ first, last }) => mayStartPlain(first, last)).map(({ target }) => target));
    // Plain characters of several bytes stay at one place only if that place takes every byte like this.
    const [only] = targets;
    const continuation = edges.find(({ first, last }) => first <= 0x80 && last >= 0xbf)?.target;
    return targets.size === 1 && only === continuation ? (only ?? null) : null;
  }
}

function mayStartPlain(first: number, last: number): boolean {
  for (let byte = first; byte <= last; byte++) if (isPlainStart[byte] === true) return true;
  return false;
}

interface SetInUtf8 {
  sequences: readonly ByteSequence[];
  /** Whether every plain character is in the set. */
  holdsPlain: boolean;
}

/** Of the sets that came before: a pattern names the same few over and over. */
const setsInUtf8 = new WeakMap<CodePoints, SetInUtf8>();

function inUtf8(set: CodePoints): SetInUtf8 {
  let found = setsInUtf8.get(set);
  if (found === undefined) {
    // The set holds every plain character if what it lacks holds none. A small one cannot.
    const size = set.reduce((total, [first, last]) => total + last - first + 1, 0);
    const isNotPlain = (range: CodePoints[number]): boolean =>
      NOT_PLAIN.some(([first, last]) => first <= range[0] && range[1] <= last);
    found = { sequences: utf8Sequences(set), holdsPlain: size > 0xffff && complement(set).every(isNotPlain) };
    setsInUtf8.set(set, found);
  }
  return found;
}

/** How many bytes of `pattern` a text ends with that ended with `matched` of them before `byte` came. */
function advance(pattern: Uint8Array, matched: number, byte: number): number {
  for (let length = matched + 1; length > 0; length--) {
    if (pattern[length - 1] !== byte) continue;
    const shared = pattern.subarray(0, length - 1);
    const end = pattern.subarray(matched - length + 1, matched);
    if (shared.every((value, i) => value === end[i])) return length;
  }
  return 0;
}

function edge(first: number, last: number, target: number): ByteEdge {
  return { first, last, target };
}

const utf8 = new TextEncoder();

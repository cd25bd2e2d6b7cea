import { type Grammar, GRAMMAR_LIMITS, grammarError } from "./grammar.ts";
import { checkGrammar } from "./analysis.ts";
import { createNetwork, type Network } from "./network.ts";

/** A call or a counter that has to be gone on with after what is read now. Equal ones are one object. */
interface Frame {
  readonly id: number;
  /** -1 below the root rule. */
  readonly node: number;
  /** How often a counted part has come already. */
  readonly count: number;
  readonly parent: Frame | null;
  readonly children: Map<number, Frame>;
}

interface Reading {
  readonly node: number;
  readonly frame: Frame;
}

/** All that a text so far allows to come next. Never changes, but for what it remembers; equal ones are mostly one object. */
export interface GrammarState {
  readonly readings: readonly Reading[];
  /** The text may end here. */
  readonly accepts: boolean;
  /** By class of bytes; null is the end of all readings. */
  readonly successors: (GrammarState | null | undefined)[];
  /** See `afterPlain`. */
  plain: GrammarState | "none" | "mixed" | undefined;
  /** What a user of the state remembers about it. */
  mask: Uint32Array | undefined;
}

/** Readings and successors of the states that are kept, about 30 bytes each. */
const KEPT_PARTS = 2_000_000;

/**
 * Recognises the language of a grammar byte by byte: all readings of the text are followed at once, as places in the grammar's
 * network with stacks of frames. Nothing is computed ahead; states are made when they are first reached and then remembered, so
 * that the body of a string is one look-up per byte. Bounded: `steps` counts the work, and a text with too many readings throws
 * `invalid_request`.
 */
export class GrammarAutomaton {
  /** Elementary steps done so far. */
  steps = 0;
  readonly #network: Network;
  readonly #classes: Uint16Array;
  readonly #classCount: number;
  #states = new Map<string, GrammarState>();
  #start: GrammarState | null = null;
  #frames = 0;
  #keptParts = 0;

  constructor(grammar: Grammar) {
    this.#network = createNetwork(checkGrammar(grammar));
    const { classes, count } = byteClasses(this.#network);
    this.#classes = classes;
    this.#classCount = count;
  }

  get start(): GrammarState {
    if (this.#start === null) {
      const bottom: Frame = { id: this.#frames++, node: -1, count: 0, parent: null, children: new Map() };
      this.#start = this.#settle([{ node: this.#startOf(this.#network.root), frame: bottom }]);
    }
    return this.#start;
  }

  /** The state after one more byte; null when no text goes on like this. */
  next(state: GrammarState, byte: number): GrammarState | null {
    const known = state.successors[this.#classes[byte] ?? 0];
    return known === undefined ? this.#step(state, byte) : known;
  }

  /** The state after some bytes; null when no text goes on like this. */
  nextAll(state: GrammarState, bytes: Uint8Array): GrammarState | null {
    let after: GrammarState | null = state;
    for (let i = 0; i < bytes.length && after !== null; i++) after = this.next(after, bytes[i] ?? 0);
    return after;
  }

  /** The state after any one plain character; "none" if no plain one may come, "mixed" if they lead to different states. */
  afterPlain(state: GrammarState): GrammarState | "none" | "mixed" {
    if (state.plain !== undefined) return state.plain;
    const takers = state.readings.filter(({ node }) => this.#bytesNode(node).takesPlain);
    const [taker] = takers;
    if (taker === undefined) state.plain = "none";
    else {
      const target = takers.length === 1 ? this.#bytesNode(taker.node).plainTarget : null;
      state.plain = target === null ? "mixed" : this.#settle([{ node: target, frame: taker.frame }]);
    }
    return state.plain;
  }

  /** Forgets what is remembered; states in use stay good. */
  forget(): void {
    this.#keptParts = 0;
    this.#states = new Map();
    this.#start = null;
  }

  #step(state: GrammarState, byte: number): GrammarState | null {
    const readings: Reading[] = [];
    for (const { node, frame } of state.readings) {
      for (const { first, last, target } of this.#bytesNode(node).edges) {
        if (first <= byte && byte <= last) readings.push({ node: target, frame });
      }
    }
    this.steps += state.readings.length;
    const next = readings.length === 0 ? null : this.#settle(readings);
    state.successors[this.#classes[byte] ?? 0] = next;
    return next;
  }

  /** Follows everything that takes no byte. */
  #settle(pending: Reading[]): GrammarState {
    const seen = new Set<number>();
    const settled = new Map<number, Reading>();
    let accepts = false;
    const { nodes } = this.#network;
    for (let reading = pending.pop(); reading !== undefined; reading = pending.pop()) {
      const { node: at, frame } = reading;
      const key = frame.id * nodes.length + at;
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > 4 * GRAMMAR_LIMITS.readings || settled.size > GRAMMAR_LIMITS.readings) throw tooAmbiguous();
      const node = nodes[at];
      if (node === undefined) continue;
      switch (node.kind) {
        case "bytes":
          settled.set(key, reading);
          break;
        case "fork":
          for (const target of node.targets) pending.push({ node: target, frame });
          break;
        case "call": {
          // A call at the end of a rule needs no frame of its own, so lists written by recursion stay flat.
          const isLast = nodes[node.next]?.kind === "return";
          pending.push({ node: this.#startOf(node.rule), frame: isLast ? frame : this.#push(frame, at, 0) });
          break;
        }
        case "count":
          if (node.min === 0) pending.push({ node: node.next, frame });
          pending.push({ node: node.start, frame: this.#push(frame, at, 0) });
          break;
        case "return":
          if (frame.parent === null) accepts = true;
          else this.#return(frame, frame.parent, pending);
      }
    }
    this.steps += seen.size;
    return this.#intern(
      [...settled.keys()].toSorted((a, b) => a - b),
      settled,
      accepts,
    );
  }

  #return(frame: Frame, parent: Frame, pending: Reading[]): void {
    const node = this.#network.nodes[frame.node];
    if (node?.kind === "call") pending.push({ node: node.next, frame: parent });
    if (node?.kind !== "count") return;
    // Without an upper bound, what is above the lower one need not be counted.
    const count = node.max === Number.POSITIVE_INFINITY ? Math.min(frame.count + 1, node.min) : frame.count + 1;
    if (count >= node.min) pending.push({ node: node.next, frame: parent });
    if (count < node.max) pending.push({ node: node.start, frame: this.#push(parent, frame.node, count) });
  }

  #push(parent: Frame, node: number, count: number): Frame {
    const key = count * this.#network.nodes.length + node;
    let frame = parent.children.get(key);
    if (frame === undefined) {
      frame = { id: this.#frames++, node, count, parent, children: new Map() };
      parent.children.set(key, frame);
    }
    return frame;
  }

  #intern(keys: readonly number[], settled: ReadonlyMap<number, Reading>, accepts: boolean): GrammarState {
    const key = `${accepts}${keys.join(",")}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      this.#keptParts += keys.length + this.#classCount;
      if (this.#keptParts > KEPT_PARTS) this.forget();
      state = {
        readings: [...settled.values()],
        accepts,
        successors: Array.from({ length: this.#classCount }),
        plain: undefined,
        mask: undefined,
      };
      this.#states.set(key, state);
    }
    return state;
  }

  #startOf(rule: string): number {
    const start = this.#network.ruleStarts.get(rule);
    if (start === undefined) throw new Error(`no rule ${rule}`); // checkGrammar has made sure of it
    return start;
  }

  #bytesNode(at: number): Extract<Network["nodes"][number], { kind: "bytes" }> {
    const node = this.#network.nodes[at];
    if (node?.kind !== "bytes") throw new Error(`node ${at} takes no bytes`); // settled readings are at such nodes only
    return node;
  }
}

function tooAmbiguous(): Error {
  return grammarError(
    "The grammar or schema can be read in too many ways at once. Make its alternatives differ early, and its repetitions unambiguous.",
  );
}

/** Bytes that no place of the network tells apart are one class. */
function byteClasses(network: Network): { classes: Uint16Array; count: number } {
  const starts = new Set<number>();
  for (const node of network.nodes) {
    if (node.kind !== "bytes") continue;
    for (const { first, last } of node.edges) starts.add(first).add(last + 1);
  }
  const classes = new Uint16Array(256);
  let count = 0;
  for (let byte = 0; byte < 256; byte++) {
    if (byte > 0 && starts.has(byte)) count++;
    classes[byte] = count;
  }
  return { classes, count: count + 1 };
}

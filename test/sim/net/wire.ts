import type { Kernel, Process } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";
import type { NetworkFaults } from "./faults.ts";

export type Message = string | Uint8Array;

/** What one end of a connection hears, in the process that holds it. */
export interface WireEnd {
  readonly process: Process;
  onMessage(message: Message): void;
  /** The peer said that it closes. */
  onClose(code: number, reason: string): void;
  /** The connection is gone without a word. */
  onBroken(): void;
}

type Side = 0 | 1;

/** No connection that is dead stays unnoticed for longer: TCP gives up. */
const GIVE_UP_MS = { min: 30_000, max: 150_000 };

/**
 * A connection between two processes: in order and unhurt while it lasts, as TCP and TLS have it, however late. It may be cut (both
 * ends hear of it, at different times) or go dead (nothing arrives, and no end hears of it for long).
 */
export class Wire {
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #faults: () => NetworkFaults;
  readonly #ends: [WireEnd, WireEnd];
  /** When the last message of each direction arrives: the next one is not before it. */
  readonly #arrivesMs: [number, number] = [0, 0];
  readonly #told: [boolean, boolean] = [false, false];
  #state: "up" | "dead" | "cut" = "up";

  constructor(kernel: Kernel, random: Random, faults: () => NetworkFaults, ends: [WireEnd, WireEnd]) {
    this.#kernel = kernel;
    this.#random = random;
    this.#faults = faults;
    this.#ends = ends;
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /** Whether one of its ends is in this process. */
  isOf(process: Process): boolean {
    return this.#ends.some((end) => end.process === process);
  }

  send(from: Side, message: Message): void {
    const faults = this.#faults();
    if (this.#random.chance(faults.loseChance)) return;
    const to = other(from);
    this.#carry(from, () => this.#ends[to].onMessage(message), this.#random.chance(faults.swapChance));
    if (this.#random.chance(faults.doubleChance)) this.#carry(from, () => this.#ends[to].onMessage(message));
  }

  /** Tells the other end that this one closes, behind all that was sent. */
  close(from: Side, code: number, reason: string): void {
    this.#carry(from, () => this.#ends[other(from)].onClose(code, reason));
  }

  /** Both ends have closed: nothing more is told. */
  finish(): void {
    this.#state = "cut";
    this.#told[0] = true;
    this.#told[1] = true;
  }

  /** Breaks: what is on its way is lost, and each end hears of it in its own time. */
  cut(): void {
    if (this.#state === "cut") return;
    this.#state = "cut";
    for (const side of [0, 1] as const) {
      const late = this.#random.chance(0.1);
      this.#tellBroken(side, late ? this.#random.spread(1_000, 60_000) : this.#random.spread(0.1, 100));
    }
  }

  /** One end is gone (a crash): the other hears of it soon. */
  drop(from: Side): void {
    if (this.#state === "cut") return;
    this.#state = "cut";
    this.#told[from] = true;
    this.#tellBroken(other(from), this.#random.spread(0.1, 200));
  }

  /** Nothing arrives any more, and nobody says so. */
  goDead(): void {
    if (this.#state !== "up") return;
    this.#state = "dead";
    for (const side of [0, 1] as const) {
      this.#tellBroken(side, this.#random.int(GIVE_UP_MS.min, GIVE_UP_MS.max));
    }
  }

  #tellBroken(side: Side, delayMs: number): void {
    this.#kernel.plan(this.#ends[side].process, delayMs, () => {
      if (this.#told[side]) return;
      this.#told[side] = true;
      this.#ends[side].onBroken();
    });
  }

  #carry(from: Side, deliver: () => void, hurries = false): void {
    if (this.#state !== "up") return;
    const faults = this.#faults();
    const { min, max } = faults.latencyMs;
    let atMs = this.#kernel.nowMs + this.#random.spread(min, max);
    if (this.#random.chance(faults.stallChance)) atMs += this.#random.fraction() * faults.stallMs;
    // One that hurries (only a hostile network) overtakes those before it.
    if (!hurries) {
      atMs = Math.max(atMs, this.#arrivesMs[from]);
      this.#arrivesMs[from] = atMs;
    }
    const to = other(from);
    this.#kernel.plan(this.#ends[to].process, atMs - this.#kernel.nowMs, () => {
      if (this.#state === "up" && !this.#told[to]) deliver();
    });
  }
}

function other(side: Side): Side {
  return side === 0 ? 1 : 0;
}

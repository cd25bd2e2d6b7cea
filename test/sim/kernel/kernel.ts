import { EventHeap, type Planned } from "./event-heap.ts";
import { Random } from "./random.ts";
import { settled } from "./real.ts";

/** One process of the world (an agent, one life of the Home object, a client). Killing it is: nothing of it ever runs again. */
export interface Process {
  readonly name: string;
  alive: boolean;
  /** How far its wall clock is off. */
  readonly skewMs: number;
  readonly startedAtMs: number;
  /** Timers that wait: what keeps an object from being evicted. */
  timers: number;
}

interface Event extends Planned {
  process: Process;
  run: () => void;
  cancelled: boolean;
}

/** Something planned that can be called off. */
export interface Handle {
  cancel(): void;
}

/** Thrown (or reported) when what must always hold does not. */
export class Violation extends Error {}

/**
 * The world's time. One event runs, then every microtask that follows from it, then the next event: so a seed decides all. What happens
 * in one process reaches another only as an event of that one.
 */
export class Kernel {
  readonly seed: number;
  readonly random: Random;
  /** The world's wall clock when the run began. */
  readonly epochMs: number;
  nowMs = 0;
  steps = 0;
  /** The process whose event runs. */
  current: Process;
  /** Looks at the world after each event; may throw a Violation. */
  onStep: () => void = () => undefined;
  /** Takes what happens, for people. */
  onTrace: ((line: string) => void) | undefined;
  readonly #events = new EventHeap<Event>();
  #order = 0;
  #digest = 0x811c9dc5;
  #failure: unknown;

  constructor(seed: number, epochMs: number) {
    this.seed = seed;
    this.random = new Random(seed);
    this.epochMs = epochMs;
    this.current = this.spawn("world");
  }

  spawn(name: string, skewMs = 0): Process {
    return { name, alive: true, skewMs, startedAtMs: this.nowMs, timers: 0 };
  }

  kill(process: Process): void {
    process.alive = false;
  }

  /** What follows in this event, and from it, is of `process`. */
  become(process: Process): void {
    this.current = process;
  }

  /** Plans `run` in `process`; forgotten if that one dies before. */
  plan(process: Process, delayMs: number, run: () => void): Handle {
    const event: Event = { atMs: this.nowMs + delayMs, order: this.#order++, process, run, cancelled: false };
    this.#events.push(event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  /** Notes what happens: the digest of all notes is what two runs of a seed have in common. */
  trace(text: string): void {
    const line = `${this.nowMs.toFixed(3)} ${this.current.name}: ${text}`;
    for (let i = 0; i < line.length; i++) this.#digest = Math.imul(this.#digest ^ line.charCodeAt(i), 0x01000193);
    this.onTrace?.(line);
  }

  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, "0");
  }

  /** Something went wrong where nobody can catch it: the run ends with it. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  /** Runs until `untilMs`, or until `done`. Throws what `fail` was told, or `onStep` threw. */
  async run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    while (!done()) {
      const event = this.#events.first;
      if (event === undefined || event.atMs > untilMs) break;
      this.#events.pop();
      if (event.cancelled || !event.process.alive) continue;
      this.nowMs = event.atMs;
      this.current = event.process;
      try {
        event.run();
      } catch (error) {
        this.fail(error);
      }
      await settled();
      this.steps += 1;
      if (this.#failure !== undefined) throw this.#failure;
      this.onStep();
    }
    if (!done()) this.nowMs = Math.max(this.nowMs, untilMs);
  }
}

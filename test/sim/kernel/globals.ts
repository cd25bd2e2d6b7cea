import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Kernel } from "./kernel.ts";
import { real } from "./real.ts";
import { VirtualTimer } from "./timers.ts";
import { virtualSubtle } from "./virtual-crypto.ts";

let world: Kernel | undefined;

/** The world whose clock and chance all code of this process lives in from now on; undefined: the real ones again. */
export function enter(kernel: Kernel | undefined): void {
  world = kernel;
}

/** The world that runs. */
export function currentWorld(): Kernel {
  if (world === undefined) throw new Error("Nothing is simulated now.");
  return world;
}

/** The machine's own clock, for figures about the simulator itself. */
export function realMs(): number {
  return real.performanceNow();
}

/** Wall clock of whoever runs now. */
function dateNow(): number {
  if (world === undefined) return real.dateNow();
  return Math.floor(world.epochMs + world.nowMs + world.current.skewMs);
}

function processNow(): number {
  return world === undefined ? real.performanceNow() : world.nowMs - world.current.startedAtMs;
}

/** `new Date()` means now, which is the world's. */
class VirtualDate extends Date {
  constructor(...args: unknown[]) {
    // Date's overloads cannot be spread; what product code gives it is passed on as it is.
    if (args.length === 0) super(dateNow());
    else super(...(args as [number]));
  }

  static override now(): number {
    return dateNow();
  }
}

const clear = (timer: VirtualTimer | undefined): void => timer?.clear();
const start = (run: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]): VirtualTimer =>
  new VirtualTimer(currentWorld(), delayMs, () => run(...args));
const startInterval = (run: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]): VirtualTimer =>
  new VirtualTimer(currentWorld(), delayMs, () => run(...args), true);
/** The rest of this turn first, then this: of no process's clock. */
const startSoon = (run: (...args: unknown[]) => void, ...args: unknown[]) => {
  const kernel = currentWorld();
  return kernel.plan(kernel.current, 0, () => run(...args));
};

/** `node:timers/promises`, as far as it is used. */
function sleep<T>(delayMs?: number, value?: T, options?: { signal?: AbortSignal }): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const signal = options?.signal;
    const abort = (): void => {
      timer.clear();
      reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
    };
    const timer = start(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    }, delayMs);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

/**
 * Puts clocks, timers and chance of the world in the place of the process's own, for good: product code has no seam for a simulator
 * and needs none. Only a process that does nothing else may call this.
 */
export function replaceGlobals(): void {
  const subtle = virtualSubtle(currentWorld);
  const values: [object, Record<string, unknown>][] = [
    [
      globalThis,
      {
        Date: VirtualDate,
        setTimeout: start,
        clearTimeout: clear,
        setInterval: startInterval,
        clearInterval: clear,
        setImmediate: startSoon,
        clearImmediate: (handle: { cancel(): void } | undefined) => handle?.cancel(),
      },
    ],
    [performance, { now: processNow }],
    [Math, { random: () => (world === undefined ? real.random() : world.random.fraction()) }],
    [crypto.subtle, subtle],
    [crypto, { getRandomValues: fillRandom, randomUUID }],
    [AbortSignal, { timeout: abortAfter }],
  ];
  for (const [target, properties] of values) {
    for (const [name, value] of Object.entries(properties)) {
      Object.defineProperty(target, name, { value, configurable: true, writable: true });
    }
  }
  replaceBuiltins();
}

function replaceBuiltins(): void {
  const require = createRequire(import.meta.url);
  // Builtin modules are objects whose properties are theirs to change; the ES modules' view of them follows.
  const timers = require("node:timers/promises") as Record<string, unknown>;
  timers["setTimeout"] = sleep;
  const nodeCrypto = require("node:crypto") as Record<string, unknown>;
  nodeCrypto["randomUUID"] = randomUUID;
  nodeCrypto["randomBytes"] = (size: number) => fillRandom(Buffer.alloc(size));
  syncBuiltinESMExports();
}

function fillRandom<T extends Uint8Array>(bytes: T): T {
  currentWorld().random.fillBytes(bytes);
  return bytes;
}

function randomUUID(): string {
  const hex = Buffer.from(fillRandom(new Uint8Array(16))).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function abortAfter(delayMs: number): AbortSignal {
  const controller = new AbortController();
  start(() => controller.abort(new DOMException("The operation timed out.", "TimeoutError")), delayMs);
  return controller.signal;
}

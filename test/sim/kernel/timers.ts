import type { Handle, Kernel, Process } from "./kernel.ts";

/** What `setTimeout` of Node returns, as far as anybody here uses it. */
export class VirtualTimer {
  readonly #kernel: Kernel;
  readonly #process: Process;
  readonly #run: () => void;
  readonly #delayMs: number;
  readonly #repeats: boolean;
  #planned: Handle | undefined;

  constructor(kernel: Kernel, delayMs: number | undefined, run: () => void, repeats = false) {
    this.#kernel = kernel;
    this.#process = kernel.current;
    this.#run = run;
    // As Node has it: whole milliseconds, at least one, and what is too long at once.
    const whole = Math.trunc(delayMs ?? 0);
    this.#delayMs = whole >= 1 && whole <= 2 ** 31 - 1 ? whole : 1;
    this.#repeats = repeats;
    this.#start();
  }

  clear(): void {
    if (this.#planned === undefined) return;
    this.#planned.cancel();
    this.#planned = undefined;
    this.#process.timers -= 1;
  }

  refresh(): this {
    this.clear();
    this.#start();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  #start(): void {
    this.#process.timers += 1;
    this.#planned = this.#kernel.plan(this.#process, this.#delayMs, () => {
      this.#planned = undefined;
      this.#process.timers -= 1;
      if (this.#repeats) this.#start();
      this.#run();
    });
  }
}

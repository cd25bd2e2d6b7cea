import { type ChildProcess, fork } from "node:child_process";
import type { z } from "zod";

const RESTART_MIN_MS = 250;
const RESTART_MAX_MS = 15_000;
/** A run this long counts as healthy: the next crash waits the shortest time again. */
const HEALTHY_MS = 10_000;
/** `porchlight up` promises to be gone 2 s after Ctrl-C; each child has this much of it. */
const STOP_MS = 1_500;

export interface SupervisedOptions<Message> {
  /** The child's entry; it stops on `{type: "stop"}` and when its IPC channel closes. */
  entry: URL;
  schema: z.ZodType<Message>;
  onMessage(message: Message): void;
  /** Flags for Node. */
  nodeFlags?: readonly string[];
  /** Called when the child has died by itself. `failures`: how many in a row without a healthy run; `restartMs`: null when it gives up. */
  onDeath?(death: { failures: number; restartMs: number | null }): void;
  /** After how many failures in a row it stays down; without it, never. */
  giveUpAfter?: number;
}

/** Keeps one child process running: starts it again when it dies, a little later each time it dies soon. */
export class Supervisor<Message> {
  readonly #options: SupervisedOptions<Message>;
  #child: ChildProcess | undefined;
  #stopping = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SupervisedOptions<Message>) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the child, also again after `stop`. */
  start(): void {
    this.#stopping = false;
    const startedAt = performance.now();
    // A process group of its own: what the child started (workerd) can then be ended even when the child is killed.
    const detached = process.platform !== "win32";
    const child = fork(this.#options.entry, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      detached,
      // Flags of this process are not for the child: with that of "node -e" it would run the same words, and fork again.
      execArgv: [...(this.#options.nodeFlags ?? [])],
    });
    this.#child = child;
    child.on("message", (raw) => this.#options.onMessage(this.#options.schema.parse(raw)));
    child.once("exit", () => {
      this.#child = undefined;
      if (detached) killGroup(child.pid);
      if (!this.#stopping) this.#restart(performance.now() - startedAt > HEALTHY_MS);
    });
  }

  #restart(wasHealthy: boolean): void {
    this.#failures = wasHealthy ? 1 : this.#failures + 1;
    const restartMs = Math.min(RESTART_MIN_MS * 2 ** (this.#failures - 1), RESTART_MAX_MS);
    const gaveUp = this.#failures >= (this.#options.giveUpAfter ?? Infinity);
    if (!gaveUp) this.#timer = setTimeout(() => this.start(), restartMs);
    this.#options.onDeath?.({ failures: this.#failures, restartMs: gaveUp ? null : restartMs });
  }

  /** Sends a message if the child lives; one that starts later must be told again. */
  send(message: object): void {
    // A send can only fail because the child is ending, and then its exit tells.
    if (this.#child?.connected) this.#child.send(message, () => undefined);
  }

  /** Ends the child for good; kills it when it takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.send({ type: "stop" });
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(timer);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error; // else nothing was left of it
  }
}

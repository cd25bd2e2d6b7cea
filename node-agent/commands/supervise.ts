import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type AgentOptions, type FromAgent, fromAgentSchema, type ToAgent } from "../agent/messages.ts";

const ENTRY = fileURLToPath(new URL("../agent/process.ts", import.meta.url));
const RESTART_MIN_MS = 250;
const RESTART_MAX_MS = 15_000;
/** A run this long counts as healthy: the next crash waits the shortest time again. */
const HEALTHY_MS = 60_000;
/** `porchlight up` promises to be gone 2 s after Ctrl-C; the agent has this much of it. */
const STOP_MS = 1_500;

/** Keeps one agent process running: starts it again when it dies, and tells it again which edge to dial. */
export class AgentSupervisor {
  readonly #options: AgentOptions;
  readonly #onMessage: (message: FromAgent) => void;
  #child: ChildProcess | undefined;
  #dial: ToAgent | undefined;
  #stopping = false;
  #restartMs = RESTART_MIN_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AgentOptions, onMessage: (message: FromAgent) => void) {
    this.#options = options;
    this.#onMessage = onMessage;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the agent, also again after `stop`. */
  start(): void {
    this.#stopping = false;
    const startedAt = performance.now();
    const child = fork(ENTRY, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child = child;
    child.on("message", (raw) => {
      const message = fromAgentSchema.parse(raw);
      if (message.type === "up") this.#send({ type: "start", options: this.#options });
      if (message.type === "started" && this.#dial) this.#send(this.#dial);
      this.#onMessage(message);
    });
    child.once("exit", () => {
      this.#child = undefined;
      if (this.#stopping) return;
      if (performance.now() - startedAt > HEALTHY_MS) this.#restartMs = RESTART_MIN_MS;
      this.#timer = setTimeout(() => this.start(), this.#restartMs);
      this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MAX_MS);
    });
  }

  /** Has the agent dial `origin`, pairing first when `enrolUrl` is given (it is used once, never after a restart). */
  dial(origin: string, enrolUrl?: string): void {
    this.#dial = { type: "dial", origin };
    this.#send(enrolUrl === undefined ? this.#dial : { ...this.#dial, enrolUrl });
  }

  /** Ends the agent and its models; kills it when it takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.#send({ type: "stop" });
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(timer);
  }

  #send(message: ToAgent): void {
    if (this.#child?.connected) this.#child.send(message);
  }
}

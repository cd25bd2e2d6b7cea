import { type AgentOptions, type FromAgent, fromAgentSchema } from "../agent/messages.ts";
import { CommandError } from "./command-error.ts";
import { Supervisor } from "./supervisor.ts";

type Started = Extract<FromAgent, { type: "started" }>;
type Link = Extract<FromAgent, { type: "link" }>;

/** The agent, kept running in a process of its own; after a crash it dials again where it was told to. */
export class SupervisedAgent {
  readonly #options: AgentOptions;
  readonly #supervisor: Supervisor<FromAgent>;
  readonly #onLoading: (model: string, fraction: number) => void;
  #started = Promise.withResolvers<Started>();
  /** Of the dial that waits for its outcome. */
  #link: PromiseWithResolvers<Link> | undefined;
  #origin: string | undefined;

  /** @param onLoading how far the model has come that is being made ready, in [0, 1]. */
  constructor(options: AgentOptions, onLoading: (model: string, fraction: number) => void) {
    this.#options = options;
    this.#onLoading = onLoading;
    this.#supervisor = new Supervisor({
      entry: new URL("../agent/process.ts", import.meta.url),
      schema: fromAgentSchema,
      onMessage: (message) => this.#take(message),
    });
  }

  get pid(): number | undefined {
    return this.#supervisor.pid;
  }

  /** Starts it, also again after `stop`. Throws CommandError `not_ready` with the agent's own sentence. */
  async start(): Promise<Started> {
    this.#started = Promise.withResolvers();
    this.#supervisor.start();
    return await this.#started.promise;
  }

  /** Has it serve the edge at `origin`, pairing first when `enrolUrl` is given; resolves when it is online or refused for good. */
  async dial(origin: string, enrolUrl?: string): Promise<Link> {
    this.#origin = origin;
    this.#link = Promise.withResolvers();
    // The pairing link works once: an agent that starts again is only told where to dial.
    this.#supervisor.send({ type: "dial", origin, ...(enrolUrl === undefined ? {} : { enrolUrl }) });
    return await this.#link.promise;
  }

  async stop(): Promise<void> {
    await this.#supervisor.stop();
  }

  #take(message: FromAgent): void {
    switch (message.type) {
      case "up":
        return this.#supervisor.send({ type: "start", options: this.#options });
      case "started":
        this.#started.resolve(message);
        if (this.#origin !== undefined) this.#supervisor.send({ type: "dial", origin: this.#origin });
        return;
      case "failed": {
        const error = new CommandError("not_ready", message.message);
        this.#started.reject(error);
        return this.#link?.reject(error);
      }
      case "loading":
        return this.#onLoading(message.model, message.fraction);
      case "link":
        if (message.state !== "offline") this.#link?.resolve(message);
    }
  }
}

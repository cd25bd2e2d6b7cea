import { type EmbeddedEdgeOptions, type FromEdge, fromEdgeSchema } from "../edge/messages.ts";
import { CommandError } from "./command-error.ts";
import { Supervisor } from "./supervisor.ts";

/** The embedded edge, kept running in a process of its own. */
export class SupervisedEdge {
  readonly #options: EmbeddedEdgeOptions;
  readonly #supervisor: Supervisor<FromEdge>;
  #ready = Promise.withResolvers<string>();

  constructor(options: EmbeddedEdgeOptions) {
    this.#options = options;
    this.#supervisor = new Supervisor({
      entry: new URL("../edge/process.ts", import.meta.url),
      schema: fromEdgeSchema,
      onMessage: (message) => this.#take(message),
      // It only starts workerd, and what that takes is garbage soon: a large nursery for it would be a small machine's memory.
      nodeFlags: ["--max-semi-space-size=2"],
    });
  }

  get pid(): number | undefined {
    return this.#supervisor.pid;
  }

  /** Starts it, also again after `stop`; resolves with its origin. Throws CommandError `port_taken` or `not_ready`. */
  async start(): Promise<string> {
    this.#ready = Promise.withResolvers();
    this.#supervisor.start();
    return await this.#ready.promise;
  }

  async stop(): Promise<void> {
    await this.#supervisor.stop();
  }

  #take(message: FromEdge): void {
    switch (message.type) {
      case "up":
        return this.#supervisor.send({ type: "start", options: this.#options });
      case "ready":
        return this.#ready.resolve(message.origin);
      case "failed":
        return this.#ready.reject(new CommandError(message.code, message.message));
    }
  }
}

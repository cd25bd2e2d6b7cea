import { type EmbeddedEdgeOptions, type FromEdge, fromEdgeSchema } from "../edge/messages.ts";
import { CommandError } from "./command-error.ts";
import { Supervisor } from "./supervisor.ts";

export interface EdgeDeath {
  /** What ended it, for people. */
  reason: string;
  /** How many in a row without a minute of health between. */
  failures: number;
  /** When it is started again; null when it stays down. */
  restartMs: number | null;
}

/** How an edge fares after its first start. */
export interface EdgeWatch {
  /** It serves, for the first time or again, at `origin`: elsewhere each time where the port is 0. */
  onReady?(ready: { origin: string; hasOwner: boolean }): void;
  onDeath?(death: EdgeDeath): void;
  /** After how many failures in a row it stays down; without it, never. */
  giveUpAfter?: number;
}

/** The embedded edge, kept running in a process of its own. */
export class SupervisedEdge {
  readonly #options: EmbeddedEdgeOptions;
  readonly #watch: EdgeWatch;
  readonly #supervisor: Supervisor<FromEdge>;
  #ready = Promise.withResolvers<string>();
  #reason: string | undefined;

  constructor(options: EmbeddedEdgeOptions, watch: EdgeWatch = {}) {
    this.#options = options;
    this.#watch = watch;
    this.#supervisor = new Supervisor({
      entry: new URL("../edge/process.ts", import.meta.url),
      schema: fromEdgeSchema,
      onMessage: (message) => this.#take(message),
      // It only starts workerd, and what that takes is garbage soon: a large nursery for it would be a small machine's memory.
      nodeFlags: ["--max-semi-space-size=2"],
      onDeath: (death) => this.#died(death),
      ...(watch.giveUpAfter === undefined ? {} : { giveUpAfter: watch.giveUpAfter }),
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

  /** Has it tell the machines that it goes away; does nothing while it is down. */
  goAway(): void {
    this.#supervisor.send({ type: "goAway" });
  }

  async stop(): Promise<void> {
    await this.#supervisor.stop();
  }

  #take(message: FromEdge): void {
    switch (message.type) {
      case "up":
        return this.#supervisor.send({ type: "start", options: this.#options });
      case "ready":
        this.#watch.onReady?.(message);
        return this.#ready.resolve(message.origin);
      case "crashed":
        this.#reason = message.message;
        return this.#ready.reject(new CommandError("not_ready", `The edge did not start: ${message.message}.`));
      case "failed":
        this.#reason = message.message;
        return this.#ready.reject(new CommandError(message.code, message.message));
    }
  }

  #died(death: Omit<EdgeDeath, "reason">): void {
    const reason = this.#reason ?? "its process was killed";
    this.#reason = undefined;
    this.#watch.onDeath?.({ ...death, reason });
  }
}

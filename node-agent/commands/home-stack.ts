import { randomBytes } from "node:crypto";
import type { Quantization } from "../../shared/inference/model.ts";
import type { FromAgent } from "../agent/messages.ts";
import type { DataFolder } from "../data-folder.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "../edge/embedded.ts";
import { VERSION } from "../version.ts";
import { CommandError } from "./command-error.ts";
import { ensureOwner, type OwnerClient } from "./owner.ts";
import { AgentSupervisor } from "./supervise.ts";

export interface HomeStackOptions {
  folder: DataFolder;
  port: number;
  localPort: number;
  model?: string;
  quantization?: Quantization;
  onProgress?: (what: string) => void;
}

type Started = Extract<FromAgent, { type: "started" }>;

/** Edge and agent of one machine, paired: what `porchlight up` runs. */
export interface HomeStack {
  origin: string;
  owner: OwnerClient;
  /** Name of the model that answers by default, and the agent's own API. */
  model: string;
  localUrl: string;
  supervisor: AgentSupervisor;
  /** Ends workerd and starts it again on the same port and state; the agent finds back by itself. */
  restartEdge(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts both at once, pairs the agent through the public enrolment route if it is not, and resolves when it is online. */
export async function startHomeStack(options: HomeStackOptions): Promise<HomeStack> {
  const { folder } = options;
  const agent = new AgentEvents();
  const supervisor = new AgentSupervisor(
    {
      identityFile: folder.localIdentity,
      localKeyFile: folder.localKey,
      modelsDir: folder.models,
      compiledDir: folder.compiled,
      localPort: options.localPort,
      agentVersion: VERSION,
      ...(options.model === undefined ? {} : { model: options.model }),
      ...(options.quantization === undefined ? {} : { quantization: options.quantization }),
    },
    (message) => agent.take(message),
  );
  let edge: EmbeddedEdge | undefined;
  const stop = async () => {
    await supervisor.stop();
    await edge?.stop();
  };
  try {
    supervisor.start();
    options.onProgress?.("Starting the edge");
    const setupToken = randomBytes(24).toString("base64url");
    const startEdge = () => startEmbeddedEdge({ stateDir: folder.edge, port: options.port, setupToken });
    edge = await startEdge();
    const owner = await ensureOwner(edge.origin, setupToken, folder.owner);
    options.onProgress?.("Starting the agent");
    const started = await agent.started;
    const link = await connect(supervisor, agent, owner, started.paired);
    if (link.state !== "online")
      throw new CommandError("not_ready", `The agent could not reach its edge: ${link.reason}`);
    const restartEdge = async () => {
      await edge?.stop();
      edge = await startEdge();
    };
    const { origin } = edge;
    return { origin, owner, model: started.model, localUrl: started.localUrl, supervisor, restartEdge, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Dials; pairs first when the agent is new, or when the edge no longer knows it (its state was removed). */
async function connect(supervisor: AgentSupervisor, agent: AgentEvents, owner: OwnerClient, paired: boolean) {
  if (paired) {
    supervisor.dial(owner.origin);
    const link = await agent.linkSettled();
    if (link.state === "online") return link;
  }
  supervisor.dial(owner.origin, await owner.pairingUrl());
  return await agent.linkSettled();
}

/** The agent's messages as promises. */
class AgentEvents {
  readonly #started = Promise.withResolvers<Started>();
  readonly #waiting: ((link: Extract<FromAgent, { type: "link" }>) => void)[] = [];

  constructor() {
    // A failure while nobody waits for the start is reported by whoever asks next.
    this.#started.promise.catch(() => undefined);
  }

  get started(): Promise<Started> {
    return this.#started.promise;
  }

  /** The next time the link is online or refused for good. */
  async linkSettled(): Promise<Extract<FromAgent, { type: "link" }>> {
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  take(message: FromAgent): void {
    if (message.type === "started") this.#started.resolve(message);
    if (message.type === "failed") this.#started.reject(new CommandError("not_ready", message.message));
    if (message.type === "link" && message.state !== "offline") {
      for (const resolve of this.#waiting.splice(0)) resolve(message);
    }
  }
}

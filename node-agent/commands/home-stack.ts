import { randomBytes } from "node:crypto";
import type { AgentSettings } from "../agent/messages.ts";
import type { DataFolder } from "../data-folder.ts";
import { VERSION } from "../version.ts";
import { CommandError } from "./command-error.ts";
import { ensureOwner, type OwnerClient } from "./owner.ts";
import { SupervisedAgent } from "./supervised-agent.ts";
import { SupervisedEdge } from "./supervised-edge.ts";

export interface HomeStackOptions {
  folder: DataFolder;
  port: number;
  localPort: number;
  settings?: AgentSettings;
  /** Whether to try the default model and time it. */
  canary?: boolean;
  onProgress?: (what: string) => void;
  /** How far the default model has come, in [0, 1]; goes on after the stack is up. */
  onLoading?: (model: string, fraction: number) => void;
  /** Ends the start, whatever it waits for. */
  signal?: AbortSignal;
}

/** Edge and agent of one machine, paired: what `porchlight up` runs. */
export interface HomeStack {
  origin: string;
  owner: OwnerClient;
  /** Name of the model that answers by default, and the agent's own API. */
  model: string;
  localUrl: string;
  edge: SupervisedEdge;
  agent: SupervisedAgent;
  stop(): Promise<void>;
}

/**
 * Starts both at once, pairs the agent through the public enrolment route if it is not, and resolves when it is online. Rejects with the
 * signal's reason when that aborts first; nothing runs then.
 */
export async function startHomeStack(options: HomeStackOptions): Promise<HomeStack> {
  const { folder } = options;
  const setupToken = randomBytes(24).toString("base64url");
  const edge = new SupervisedEdge({ stateDir: folder.edge, port: options.port, setupToken });
  const agent = new SupervisedAgent(
    {
      identityFile: folder.localIdentity,
      archiveDir: folder.localArchive,
      pluginsDir: folder.plugins,
      mcpFile: folder.mcp,
      marketFile: folder.localMarket,
      localKeyFile: folder.localKey,
      modelsDir: folder.models,
      compiledDir: folder.compiled,
      localPort: options.localPort,
      runningFile: folder.localAgent,
      machineFile: folder.machine,
      settingsFile: folder.settings,
      givenAtMs: Date.now(),
      canary: options.canary ?? false,
      agentVersion: VERSION,
      ...options.settings,
    },
    (model, fraction) => options.onLoading?.(model, fraction),
  );
  const stop = async () => {
    await Promise.all([agent.stop(), edge.stop()]);
  };
  const start = async (): Promise<HomeStack> => {
    options.onProgress?.("Starting the edge and the agent");
    const [origin, started] = await Promise.all([edge.start(), agent.start()]);
    const owner = await ensureOwner(origin, setupToken, folder.owner);
    options.onProgress?.("Opening the tunnel");
    const link = await connect(agent, owner, started.paired);
    if (link.state !== "online")
      throw new CommandError("not_ready", `The agent could not reach its edge: ${link.reason}`);
    return { origin, owner, model: started.model, localUrl: started.localUrl, edge, agent, stop };
  };
  try {
    // An agent that cannot start is tried again and again: its start never settles.
    return await Promise.race([start(), rejection(options.signal)]);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Dials; pairs first when the agent is new, or when the edge no longer knows it (its state was removed). */
async function connect(agent: SupervisedAgent, owner: OwnerClient, paired: boolean) {
  if (paired) {
    const link = await agent.dial(owner.origin);
    if (link.state === "online") return link;
  }
  return await agent.dial(owner.origin, await owner.pairingUrl());
}

/** Never resolves; rejects when the signal aborts. */
async function rejection(signal: AbortSignal | undefined): Promise<never> {
  return await new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

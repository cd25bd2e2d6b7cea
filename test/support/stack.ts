import { cp, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentSettings } from "../../node-agent/agent/messages.ts";
import { type HomeStack, startHomeStack } from "../../node-agent/commands/home-stack.ts";
import { type DataFolder, dataFolder } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";

export interface TestStack {
  origin: string;
  /** Signs one browser in. */
  signInUrl: string;
  apiKey: string;
  model: string;
  localUrl: string;
  /** The folder of this stack's data. */
  folder: DataFolder;
  stack: HomeStack;
  /** kill -9, and it stays down until startAgent. */
  killAgent(): Promise<void>;
  /** Resolves when the agent is online again. */
  startAgent(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The whole product on a fresh data folder: the real Worker in workerd, the real agent process, the starter model.
 * @param models folders of further models, by the names they are to have
 */
export async function startStack(
  models: Readonly<Record<string, string>> = {},
  settings: AgentSettings = {},
): Promise<TestStack> {
  await buildEdgeIfNeeded();
  const root = await mkdtemp(join(tmpdir(), "porchlight-test-"));
  const folder = dataFolder(root);
  for (const [name, from] of Object.entries(models)) await cp(from, join(folder.models, name), { recursive: true });
  const stack = await startHomeStack({ folder, port: await freePort(), localPort: 0, settings });
  const { origin, owner, model, localUrl } = stack;
  return {
    origin,
    signInUrl: await owner.signInUrl(),
    apiKey: owner.apiKey,
    model,
    localUrl,
    folder,
    stack,
    killAgent: async () => {
      const { pid } = stack.agent;
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      await stack.agent.stop();
      await agentOnline(origin, owner.apiKey, false);
    },
    startAgent: async () => {
      await stack.agent.start();
      await agentOnline(origin, owner.apiKey, true);
    },
    stop: async () => {
      await stack.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Waits until the edge says that an agent is, or is not, online. */
export async function agentOnline(origin: string, apiKey: string, wanted: boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const response = await fetch(`${origin}/api/agents`, { headers: { authorization: `Bearer ${apiKey}` } });
    const body = (await response.json()) as { agents: { online: boolean }[] }; // our own route, tested elsewhere
    if (body.agents.some((agent) => agent.online) === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The agent did not get ${wanted ? "online" : "offline"} within 20 s.`);
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}

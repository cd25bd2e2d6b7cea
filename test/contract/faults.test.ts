import { execFile } from "node:child_process";
import { createServer, type Server } from "node:net";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addToStore } from "../../node-agent/model/store/add.ts";
import { removeModel } from "../../node-agent/model/store/remove.ts";
import { STARTER } from "../support/engine-starter.ts";
import { LONG_WINDED } from "../support/long-winded.ts";
import { agentOnline, startStack, type TestStack } from "../support/stack.ts";

const model = "starter";
const hello = [{ role: "user" as const, content: "Hello! Who are you?" }];

/** Processes killed for real while a client is being answered. */
describe("faults", () => {
  let stack: TestStack;
  let client: OpenAI;

  beforeAll(async () => {
    stack = await startStack();
    client = new OpenAI({ baseURL: `${stack.origin}/v1`, apiKey: stack.apiKey, maxRetries: 0 });
  });
  afterAll(async () => {
    await stack?.stop();
  });

  /** Starts a long answer, breaks something after its first piece, and returns how the stream ended. */
  async function breakMidStream(fault: () => unknown): Promise<unknown> {
    const body = { model, messages: hello, stream: true as const, ...LONG_WINDED };
    let pieces = 0;
    try {
      for await (const chunk of await client.chat.completions.create(body)) {
        if (chunk.choices[0]?.delta.content && pieces++ === 0) await fault();
        if (chunk.choices[0]?.finish_reason) return chunk.choices[0].finish_reason;
      }
      return "closed without a finish";
    } catch (error) {
      return error;
    }
  }

  async function answers(): Promise<string | null | undefined> {
    return (await client.chat.completions.create({ model, messages: hello })).choices[0]?.message.content;
  }

  it("tells the client when the model's process is killed, and answers the next request", async () => {
    const ended = await breakMidStream(async () => {
      const [child] = await childrenOf(stack.stack.agent.pid);
      if (child === undefined) throw new Error("the agent has no model process");
      process.kill(child, "SIGKILL");
    });
    expect(ended).toMatchObject({ code: "engine_crashed" });
    expect(await answers()).toMatch(/starter model/i);
  });

  it("says agent_offline while the agent is gone, and works again by itself", async () => {
    const ended = await breakMidStream(() => stack.killAgent());
    expect(ended).toMatchObject({ code: "agent_disconnected" });
    const refused = await client.chat.completions.create({ model, messages: hello }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 503, code: "agent_offline" });
    expect((refused as { headers: Headers }).headers.get("retry-after")).toMatch(/^\d+$/); // an APIError, by the line above
    await stack.startAgent();
    expect(await answers()).toMatch(/starter model/i);
  });

  it("tells the edge of a model that is added, and of its removal", async () => {
    const listed = async () => (await client.models.list()).data.map(({ id }) => id);
    const modelsDir = stack.folder.models;
    await addToStore({ modelsDir, name: "second", folder: STARTER, source: "the starter" });
    await expect.poll(listed, { timeout: 5_000 }).toContain("second");
    await removeModel(modelsDir, "second");
    await expect.poll(listed, { timeout: 5_000 }).not.toContain("second");
  });

  it("restarts an agent that was killed", async () => {
    const before = stack.stack.agent.pid;
    if (before !== undefined) process.kill(before, "SIGKILL");
    await agentOnline(stack.origin, stack.apiKey, false);
    await agentOnline(stack.origin, stack.apiKey, true);
    expect(stack.stack.agent.pid).not.toBe(before);
    expect(await answers()).toMatch(/starter model/i);
  });

  it("comes back when the killed edge's port was taken for a while", async () => {
    const { edge } = stack.stack;
    const port = Number(new URL(stack.origin).port);
    if (edge.pid !== undefined) process.kill(edge.pid, "SIGKILL");
    const squatter = await takePort(port);
    // Long enough for one new edge to start and find the port taken.
    await setTimeout(2_000);
    await new Promise((resolve) => squatter.close(resolve));
    await expect.poll(() => healthy(stack.origin), { timeout: 15_000 }).toBe(true);
    await agentOnline(stack.origin, stack.apiKey, true);
    expect(await answers()).toMatch(/starter model/i);
  });

  it("reconnects by itself when the edge restarts in the middle of an answer", async () => {
    const agent = stack.stack.agent.pid;
    const ended = await breakMidStream(async () => {
      await stack.stack.edge.stop();
      await stack.stack.edge.start();
    });
    expect(ended).toBeInstanceOf(Error);
    await agentOnline(stack.origin, stack.apiKey, true);
    expect(stack.stack.agent.pid).toBe(agent);
    expect(await answers()).toMatch(/starter model/i);
  });
});

async function childrenOf(pid: number | undefined): Promise<number[]> {
  const { stdout } = await promisify(execFile)("pgrep", ["-P", String(pid)]);
  return stdout.trim().split("\n").map(Number);
}

/** Listens on a port as soon as whoever had it lets go. */
async function takePort(port: number): Promise<Server> {
  for (;;) {
    const server = createServer((socket) => socket.destroy());
    const taken = await new Promise((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (taken) return server;
    await setTimeout(1);
  }
}

async function healthy(origin: string): Promise<boolean> {
  return await fetch(`${origin}/healthz`).then(
    (response) => response.ok,
    () => false,
  );
}

import { execFile } from "node:child_process";
import { createServer, type Server } from "node:net";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addToStore } from "../../node-agent/model/store/add.ts";
import { removeModel } from "../../node-agent/model/store/remove.ts";
import { STARTER } from "../support/engine-starter.ts";
import { type ResumedAnswer, readThrough } from "../support/clients/resuming.ts";
import { agentOnline, startStack, type TestStack } from "../support/stack.ts";

const model = "starter";
/** The penalty makes the starter go on; greedy, so that it says the same behind what a process that is gone had said. */
const long = { model, repetition_penalty: 10, temperature: 0, max_tokens: 250 };
const hello = [{ role: "user" as const, content: "Hello! Who are you?" }];

/** Processes killed for real while a client is being answered. */
describe("faults", () => {
  let stack: TestStack;
  let client: OpenAI;
  let undisturbed: ResumedAnswer;

  beforeAll(async () => {
    stack = await startStack();
    client = new OpenAI({ baseURL: `${stack.origin}/v1`, apiKey: stack.apiKey, maxRetries: 0 });
    undisturbed = await readThrough(stack, { ...long, messages: hello });
    expect(undisturbed.numbers).toEqual(undisturbed.numbers.map((_, index) => index));
    expect(undisturbed.numbers.length).toBeGreaterThan(100);
  });
  afterAll(async () => {
    await stack?.stop();
  });

  /** A long answer, during which something breaks in the middle; the client goes on behind the last event that it has. */
  async function breakMidStream(fault: () => unknown): Promise<ResumedAnswer> {
    let pieces = 0;
    return await readThrough(stack, { ...long, messages: hello }, async () => {
      pieces += 1;
      if (pieces === 20) await fault();
    });
  }

  /** Holds an answer to be whole and the one that nothing disturbed. */
  function expectUndisturbed({ text, finish, numbers }: ResumedAnswer): void {
    expect(text).toBe(undisturbed.text);
    expect(finish).toBe(undisturbed.finish);
    // None is missing, none comes twice; how the text is cut into events is another matter each time.
    expect(numbers).toEqual(numbers.map((_, index) => index));
  }

  async function answers(): Promise<string | null | undefined> {
    return (await client.chat.completions.create({ model, messages: hello })).choices[0]?.message.content;
  }

  it("goes on with an answer whose model's process was killed", async () => {
    const answer = await breakMidStream(async () => {
      const [child] = await childrenOf(stack.stack.agent.pid);
      if (child === undefined) throw new Error("the agent has no model process");
      process.kill(child, "SIGKILL");
    });
    expectUndisturbed(answer);
    expect(answer.reconnectsMs).toEqual([]);
  });

  it("says agent_offline while the agent is gone, and goes on with the answer once it is back", async () => {
    const answer = await breakMidStream(async () => {
      await stack.killAgent();
      const refused = await client.chat.completions.create({ model, messages: hello }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ status: 503, code: "agent_offline" });
      expect((refused as { headers: Headers }).headers.get("retry-after")).toMatch(/^\d+$/); // an APIError, by the line above
      await stack.startAgent();
    });
    expectUndisturbed(answer);
    expect(answer.reconnectsMs).toEqual([]);
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

  it("goes on with an answer when the edge was killed in the middle of it", async () => {
    const agent = stack.stack.agent.pid;
    const answer = await breakMidStream(() => {
      const { pid } = stack.stack.edge;
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    });
    expectUndisturbed(answer);
    expect(answer.reconnectsMs.length).toBe(1);
    expect(stack.stack.agent.pid).toBe(agent);
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

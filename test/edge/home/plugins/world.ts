import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import type { z } from "zod";
import type { tracedTurnSchema } from "../../../../edge/routes/session-turns-schema.ts";
import { type Answer, type Identity, pair, STARTER, TestAgent } from "../../support/agent.ts";
import { dataOf, modelOnline } from "../../support/chat.ts";
import { bearer, type Owner, postJson, request, setUp } from "../../support/edge.ts";
import { TestTools } from "./tools.ts";

export type Traced = z.infer<typeof tracedTurnSchema>;

/** An approval as its route shows it. */
export interface Waiting {
  id: string;
  tool: string;
  hash: string;
  arguments: string;
  answer: string;
}

/** A household with a machine, and tools that tests install. */
export class World {
  owner!: Owner;
  tools!: TestTools;
  readonly agents: TestAgent[] = [];
  #identity!: Identity;

  /** Registers what each test file needs of it. */
  static use(): World {
    const world = new World();
    beforeAll(async () => {
      world.owner = await setUp();
      world.#identity = await pair(world.owner.apiKey);
    });
    beforeEach(() => {
      world.tools = new TestTools();
    });
    afterEach(async () => {
      for (const agent of world.agents.splice(0)) agent.close();
      await modelOnline(world.owner.apiKey, "starter", false);
      vi.restoreAllMocks();
    });
    return world;
  }

  async connect(answer: Answer, contextLength = 8192): Promise<TestAgent> {
    const models = [{ ...STARTER, contextLength }];
    const agent = await TestAgent.connect(this.#identity, answer, models, undefined, ["runs"]);
    this.agents.push(agent);
    agent.session.control({ type: "runs", runs: [] });
    await modelOnline(this.owner.apiKey, "starter");
    return agent;
  }

  /** The object is lost, with its sockets. */
  async crash(): Promise<void> {
    const lost = this.agents.splice(0);
    const home = env.HOME.getByName(this.owner.accountId);
    await runInDurableObject(home, (_home, state) => state.abort("crash")).catch(() => undefined);
    await Promise.all(lost.map(async ({ closed }) => await closed));
  }

  async sql(query: string, ...values: (string | number)[]): Promise<Record<string, SqlStorageValue>[]> {
    const home = env.HOME.getByName(this.owner.accountId);
    return await runInDurableObject(home, (_home, state) => state.storage.sql.exec(query, ...values).toArray());
  }

  async begin(settings: object = { plugins: "*" }): Promise<string> {
    const made = await postJson("/api/sessions", { settings }, bearer(this.owner.apiKey));
    expect(made.status).toBe(201);
    return (await made.json<{ id: string }>()).id;
  }

  async say(id: string, content: string, more: object = {}): Promise<Response> {
    return await postJson(`/api/sessions/${id}/turns`, { content, ...more }, bearer(this.owner.apiKey));
  }

  async traced(id: string, index: number): Promise<Traced> {
    const response = await request(`/api/sessions/${id}/turns/${index}`, { headers: bearer(this.owner.apiKey) });
    expect(response.status).toBe(200);
    return await response.json<Traced>();
  }

  async ended(id: string, index: number): Promise<Traced> {
    await expect.poll(async () => (await this.traced(id, index)).state, { timeout: 5_000 }).not.toBe("answering");
    return await this.traced(id, index);
  }

  async waiting(key = this.owner.apiKey): Promise<Waiting[]> {
    const response = await request("/api/approvals", { headers: bearer(key) });
    expect(response.status).toBe(200);
    return (await response.json<{ approvals: Waiting[] }>()).approvals;
  }

  /** The one that waits, once there is one (but not `not`). */
  async asked(not?: Waiting): Promise<Waiting> {
    let one: Waiting | undefined;
    const look = async (): Promise<boolean> => {
      one = (await this.waiting()).find(({ id }) => id !== not?.id);
      return one !== undefined;
    };
    await expect.poll(look, { timeout: 5_000 }).toBe(true);
    if (one === undefined) throw new Error("nothing waits");
    return one;
  }

  async decide(
    { id, hash }: { id: string; hash: string },
    decision: "allow" | "deny",
    key = this.owner.apiKey,
  ): Promise<Response> {
    return await postJson(`/api/approvals/${id}`, { decision, hash }, bearer(key));
  }
}

/** The steps of tools in a streamed answer, and what came in order beside them. */
export function stepsOf(text: string): { step: string; [member: string]: unknown }[] {
  return dataOf(text)
    .filter((data) => data !== "[DONE]")
    .flatMap((data) => (JSON.parse(data) as { porchlight?: { step: string } }).porchlight ?? []);
}

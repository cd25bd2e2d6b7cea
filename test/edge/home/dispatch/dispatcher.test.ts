import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { Affinity } from "../../../../edge/home/dispatch/affinity.ts";
import { type Demand, Dispatcher } from "../../../../edge/home/dispatch/dispatcher.ts";
import { OutcomeReader } from "../../../../edge/home/dispatch/outcome-reader.ts";
import { type PrefixKey, prefixKeys } from "../../../../edge/home/dispatch/prefix-keys.ts";
import { SpeedTable } from "../../../../edge/home/dispatch/speed-table.ts";
import type { Message } from "../../../../shared/inference/request.ts";
import { clock, model, view } from "./support.ts";

/** Runs a test with the SQLite of an object of its own. */
async function withSql(test: (sql: SqlStorage) => void | Promise<void>): Promise<void> {
  const home = env.HOME.getByName(crypto.randomUUID());
  await runInDurableObject(home, async (_home, state) => await test(state.storage.sql));
}

const say = (...texts: string[]): Message[] =>
  texts.map((content, i) => (i % 2 === 0 ? { role: "user", content } : { role: "assistant", content }));

function demand(messages: Message[], change: Partial<Demand> = {}): Demand {
  const prefix = prefixKeys({ model: "starter", messages });
  return { task: "generate", model: "starter", bodyBytes: 400, prefix, ...change };
}

const LONG = "x".repeat(4000);

it("keeps a conversation where it began for as many turns as it has, also after the object hibernated", async () => {
  await withSql((sql) => {
    const agents = [view("a"), view("b"), view("c")];
    const turns = [LONG];
    let last = "";
    // The household's first machine is busy when the conversation begins.
    const before = new Dispatcher(sql);
    const other = before.place(before.choose(demand(say("hello")), agents)[0] ?? fail(), demand(say("hello")));
    expect(other.agentId).toBe("a");
    for (let turn = 0; turn < 6; turn++) {
      const dispatcher = turn === 0 ? before : new Dispatcher(sql);
      const wanted = demand(say(...turns));
      const [best = fail()] = dispatcher.choose(wanted, agents);
      if (turn > 0) expect(best.agent.id).toBe(last);
      last = dispatcher.place(best, wanted).agentId;
      dispatcher.flush();
      turns.push(`answer ${turn}`, `question ${turn}`);
    }
    expect(last).toBe("b");
    // Another conversation owes it nothing; the same one with other tools neither.
    expect(new Dispatcher(sql).choose(demand(say("hello again")), agents)[0]?.agent.id).toBe("a");
  });
});

it("lets go of what was computed when a model is unloaded, or the machine revoked", async () => {
  await withSql((sql) => {
    const dispatcher = new Dispatcher(sql);
    const agents = [view("a"), view("b")];
    const wanted = demand(say(LONG));
    const onB = () => dispatcher.place(dispatcher.choose(wanted, [view("b")])[0] ?? fail(), wanted).end({});
    const best = () => dispatcher.choose(demand(say(LONG, "yes", "go on")), agents)[0]?.agent.id;
    onB();
    expect(best()).toBe("b");
    const status = view("b").status ?? fail();
    dispatcher.statusChanged("b", status, { ...status, models: [model({ loaded: false })] });
    expect(best()).toBe("a");
    onB();
    expect(best()).toBe("b");
    dispatcher.forget("b");
    expect(best()).toBe("a");
  });
});

it("spreads what comes at once, and learns who is faster", async () => {
  await withSql((sql) => {
    const time = clock();
    const dispatcher = new Dispatcher(sql, time.now);
    const agents = [view("slow"), view("fast")];
    const run = (id: string, ms: number) => {
      const wanted = demand(say(`${Math.random()}`));
      const ranked = dispatcher.choose(wanted, agents).find(({ agent }) => agent.id === id) ?? fail();
      const placement = dispatcher.place(ranked, wanted);
      const firstMs = time.now() + ms;
      time.forward(ms * 100);
      const usage = { promptTokens: 100, completionTokens: 100, cachedTokens: 0 };
      expect(placement.end({ usage, firstMs })).toBe(false);
    };
    const eight = Array.from({ length: 8 }, () => {
      const wanted = demand(say(`${Math.random()}`));
      return dispatcher.place(dispatcher.choose(wanted, agents)[0] ?? fail(), wanted);
    });
    expect(eight.filter(({ agentId }) => agentId === "slow").length).toBe(4);
    for (const placement of eight) placement.end({});
    for (let n = 0; n < 6; n++) {
      run("slow", 100);
      run("fast", 10);
    }
    expect(dispatcher.choose(demand(say("x")), agents).map(({ agent }) => agent.id)).toEqual(["fast", "slow"]);
    // Ten times as fast: it gets several at once before the slow one gets any.
    const ids = Array.from({ length: 4 }, () => {
      const wanted = demand(say(`${Math.random()}`));
      return dispatcher.place(dispatcher.choose(wanted, agents)[0] ?? fail(), wanted).agentId;
    });
    expect(ids).toEqual(["fast", "fast", "fast", "fast"]);
  });
});

it("learns nothing of a machine from an answer that began on another", async () => {
  await withSql((sql) => {
    const time = clock();
    const dispatcher = new Dispatcher(sql, time.now);
    const expected = () => dispatcher.choose(demand(say("x")), [view("a")])[0]?.expectedMs;
    const before = expected();
    const beganMs = time.now();
    time.forward(60_000);
    const placement = dispatcher.place(dispatcher.choose(demand(say("y")), [view("a")])[0] ?? fail(), demand(say("y")));
    time.forward(1_000);
    placement.end({ usage: { promptTokens: 100, completionTokens: 200, cachedTokens: 0 }, firstMs: beganMs });
    expect(expected()).toBe(before);
  });
});

it("remembers so many beginnings and no more, the latest ones", async () => {
  await withSql((sql) => {
    const affinity = new Affinity(sql, 50);
    const key = (n: number): PrefixKey[] => [{ hash: `k${n}`, characters: 10 }];
    for (let n = 0; n < 200; n++) {
      affinity.note(key(n), "a", n);
      affinity.note(key(0), "a", n);
    }
    affinity.flush();
    for (const one of [affinity, new Affinity(sql, 50)]) {
      expect(one.match(key(0), 200).get("a")).toBe(10);
      expect(one.match(key(199), 200).get("a")).toBe(10);
      expect(one.match(key(120), 200).size).toBe(0);
    }
    expect(sql.exec("SELECT count(*) AS n FROM affinity").one()["n"]).toBe(50);
    expect(affinity.match(key(199), 200 + 7 * 3600_000).size).toBe(0);
  });
});

it("moves a speed towards what was measured, and back to what was expected as it ages", async () => {
  await withSql((sql) => {
    const prior = { promptMs: 1, answerMs: 10 };
    const table = new SpeedTable(sql);
    const at = (nowMs: number) => table.of("a", "m", prior, nowMs).answerMs;
    expect(at(0)).toBe(10);
    table.note("a", "m", { promptMs: undefined, answerMs: 100 }, 0);
    expect(at(0)).toBeCloseTo(100);
    table.note("a", "m", { promptMs: undefined, answerMs: 50 }, 0);
    expect(at(0)).toBeGreaterThan(50);
    expect(at(0)).toBeLessThan(100);
    expect(table.of("a", "m", prior, 0).promptMs).toBe(1);
    expect(at(10 * 60_000)).toBeCloseTo(Math.sqrt(at(0) * 10));
    expect(at(24 * 3600_000)).toBeCloseTo(10);
    table.flush();
    expect(new SpeedTable(sql).of("a", "m", prior, 0).answerMs).toBeCloseTo(at(0));
    table.forget("a");
    expect(new SpeedTable(sql).of("a", "m", prior, 0)).toEqual(prior);
  });
});

it("reads of an answer when it began, what it used and how it ended, in pieces of any size", () => {
  const lines = [
    { type: "progress", stage: "prefill" },
    { type: "text", text: "Hello" },
    { type: "usage", promptTokens: 7, completionTokens: 2, cachedTokens: 3 },
    { type: "finish", reason: "stop" },
  ];
  const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  for (const size of [1, 7, 64, 4096]) {
    const reader = new OutcomeReader(() => 42);
    for (let at = 0; at < bytes.length; at += size) reader.read(bytes.subarray(at, at + size));
    const { usage, failure, firstMs } = reader.outcome(false);
    expect(usage).toMatchObject({ promptTokens: 7, completionTokens: 2, cachedTokens: 3 });
    expect(failure).toBeUndefined();
    if (size > 32) expect(firstMs).toBe(42);
  }
  const failing = new OutcomeReader();
  failing.read(new TextEncoder().encode(`{"type":"error","error":{"code":"internal","message":"x"}}\n`));
  expect(failing.outcome(false).failure).toBe("internal");
  expect(new OutcomeReader().outcome(true).failure).toBe("agent_disconnected");
});

function fail(): never {
  throw new Error("there is none");
}

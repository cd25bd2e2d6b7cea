import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { capableOf } from "../../../../edge/home/dispatch/candidates.ts";
import { expectedMs, freeSlotMs, type Standing } from "../../../../edge/home/dispatch/expected-time.ts";
import { type Knowledge, rank } from "../../../../edge/home/dispatch/rank.ts";
import { canGoOn, failoverStep } from "../../../../edge/home/dispatch/failover.ts";
import { Suspicion } from "../../../../edge/home/dispatch/suspicion.ts";
import { Waker } from "../../../../edge/home/dispatch/waker.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { clock, model, view } from "./support.ts";

const ms = fc.double({ min: 0.01, max: 1000, noNaN: true });
const standing: fc.Arbitrary<Standing> = fc.record({
  times: fc.record({ promptMs: ms, answerMs: ms }),
  loadMs: fc.nat(10_000),
  slots: fc.integer({ min: 1, max: 8 }),
  remainingMs: fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { maxLength: 20 }),
  others: fc.nat(10),
});
const work = fc
  .record({
    promptTokens: fc.nat(10_000),
    cached: fc.double({ min: 0, max: 1, noNaN: true }),
    answerTokens: fc.nat(2000),
  })
  .map(({ cached, ...rest }) => ({ ...rest, cachedTokens: Math.floor(rest.promptTokens * cached) }));

describe("the time a request is expected to take", () => {
  it("never falls with load, and never grows with what is computed already", () => {
    fc.assert(
      fc.property(standing, work, fc.nat(5000), (at, what, more) => {
        const base = expectedMs(at, what);
        expect(base).toBeGreaterThan(0);
        expect(expectedMs({ ...at, remainingMs: [...at.remainingMs, more] }, what)).toBeGreaterThanOrEqual(base);
        expect(expectedMs({ ...at, others: at.others + 1 }, what)).toBeGreaterThanOrEqual(base);
        expect(expectedMs({ ...at, loadMs: at.loadMs + more }, what)).toBeGreaterThanOrEqual(base);
        const cached = Math.min(what.promptTokens, what.cachedTokens + more);
        expect(expectedMs(at, { ...what, cachedTokens: cached })).toBeLessThanOrEqual(base);
        const faster = { promptMs: at.times.promptMs / 2, answerMs: at.times.answerMs / 2 };
        expect(expectedMs({ ...at, times: faster }, what)).toBeLessThanOrEqual(base);
      }),
    );
  });

  it("waits for a slot as a queue does", () => {
    expect(freeSlotMs([100, 50], 4)).toBe(0);
    expect(freeSlotMs([100, 50, 80, 20], 4)).toBe(20);
    expect(freeSlotMs([100, 50, 80, 20, 10], 4)).toBe(30);
    // By a slow twin: a millisecond at a time.
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 10 }), fc.integer({ min: 1, max: 4 }), (remaining, slots) => {
        const waiting = [...remaining];
        let running: number[] = [];
        let timeMs = 0;
        for (;;) {
          running = running.filter((left) => left > 0);
          while (running.length < slots && waiting.length > 0) running.push(waiting.shift() ?? 0);
          running = running.filter((left) => left > 0);
          if (running.length < slots && waiting.length === 0) break;
          if (running.length < slots) continue;
          running = running.map((left) => left - 1);
          timeMs++;
        }
        expect(freeSlotMs(remaining, slots)).toBe(timeMs);
      }),
    );
  });
});

const needs = { task: "generate" as const, model: "starter", bodyBytes: 4000 };
const know = (change: Partial<Knowledge>): Knowledge => ({
  cachedCharacters: 0,
  remainingMs: [],
  others: 0,
  times: () => ({ promptMs: 10, answerMs: 50 }),
  ...change,
});

describe("the order of machines", () => {
  const order = (states: Record<string, Partial<Knowledge>>, promptCharacters = 4000) =>
    rank(
      capableOf(
        needs,
        Object.keys(states).map((id) => view(id)),
      ),
      { promptCharacters, answerTokens: 20 },
      (id) => know(states[id] ?? {}),
    ).map(({ agent }) => agent.id);

  it("keeps to the machine that knows the conversation, until waiting there costs more than computing it again", () => {
    expect(order({ fresh: {}, knows: { cachedCharacters: 3600 } })).toEqual(["knows", "fresh"]);
    // 1000 tokens at 10 ms: a wait of a second is worth it, one of a minute is not.
    const busy = (leftMs: number) => ({ cachedCharacters: 3600, remainingMs: [leftMs, leftMs, leftMs, leftMs] });
    expect(order({ fresh: {}, knows: busy(1_000) })).toEqual(["knows", "fresh"]);
    expect(order({ fresh: {}, knows: busy(60_000) })).toEqual(["fresh", "knows"]);
  });

  it("prefers the faster and the less busy one", () => {
    const slow = { times: () => ({ promptMs: 20, answerMs: 100 }) };
    expect(order({ slow, fast: {} })).toEqual(["fast", "slow"]);
    expect(order({ busy: { remainingMs: [5000, 5000] }, free: {} })).toEqual(["free", "busy"]);
    // Twice as slow, but the fast one has a queue.
    expect(order({ fast: { remainingMs: [9e4, 9e4, 9e4, 9e4] }, slow })).toEqual(["slow", "fast"]);
  });

  it("is that of the household where nothing tells them apart", () => {
    expect(order({ a: {}, b: {}, c: {} })).toEqual(["a", "b", "c"]);
  });

  it("counts nothing as computed on a machine whose model is not loaded", () => {
    const unloaded = view("a", {}, { models: [model({ loaded: false })] });
    const ranked = rank(capableOf(needs, [unloaded, view("b")]), { promptCharacters: 4000, answerTokens: 20 }, (id) =>
      know(id === "a" ? { cachedCharacters: 4000 } : {}),
    );
    expect(ranked.map(({ agent }) => agent.id)).toEqual(["b", "a"]);
  });
});

describe("the machines that can take a request", () => {
  const ids = (change: Partial<Parameters<typeof capableOf>[0]>, ...agents: Parameters<typeof capableOf>[1]) =>
    capableOf({ ...needs, ...change }, agents).map(({ agent }) => agent.id);
  const refusal = (change: Partial<Parameters<typeof capableOf>[0]>, ...agents: Parameters<typeof capableOf>[1]) => {
    try {
      ids(change, ...agents);
    } catch (error) {
      return PorchlightError.from(error);
    }
    return undefined;
  };

  it("are online, in service and healthy, and have the model for the task", () => {
    const embedder = view("e", {}, { models: [model({ name: "vectors", task: "embed" })] });
    const others = [view("off", { online: false }), view("out", { draining: true }), view("ill", { healthy: false })];
    expect(ids({}, view("a"), ...others, embedder, { ...view("new"), status: undefined })).toEqual(["a"]);
    expect(ids({ task: "embed", model: "vectors" }, view("a"), embedder)).toEqual(["e"]);
    expect(refusal({ model: "nobody's" }, view("a"))?.code).toBe("model_not_found");
    expect(refusal({ task: "embed" }, view("a"), embedder)?.code).toBe("model_task_mismatch");
  });

  it("say why there is none", () => {
    const off = view("off", { online: false });
    expect(refusal({}, off)).toMatchObject({ code: "agent_offline", retryAfterMs: 5_000 });
    expect(refusal({}, off, view("b", {}, { models: [] }))?.message).toContain("is offline");
    expect(refusal({}, off, view("out", { draining: true }))?.message).toContain("out of service");
    expect(refusal({}, off, view("out", { draining: true }), view("ill", { healthy: false }))?.message).toContain(
      "trials",
    );
  });

  it("surely have room for prompt and answer, where any surely has", () => {
    const small = view("small", {}, { models: [model({ contextLength: 512 })] });
    const large = view("large", {}, { models: [model({ contextLength: 8192 })] });
    expect(ids({ bodyBytes: 300, maxTokens: 100 }, small, large)).toEqual(["small", "large"]);
    expect(ids({ bodyBytes: 500, maxTokens: 100 }, small, large)).toEqual(["large"]);
    expect(ids({ bodyBytes: 90_000 }, small, large)).toEqual(["large"]);
    expect(ids({ bodyBytes: 90_000 }, small)).toEqual(["small"]);
  });

  it("can go on from each other's tokens only with the same model", () => {
    expect(canGoOn(model(), model({ quantization: "fp32", contextLength: 4096, loaded: false }))).toBe(true);
    expect(canGoOn(model(), model({ parameters: 2_000_000 }))).toBe(false);
    expect(canGoOn(model(), model({ architecture: "qwen3" }))).toBe(false);
  });
});

describe("a request that its machine failed", () => {
  const failed = { code: "agent_disconnected" as const, attempts: 1, begun: false, replay: false };

  it("goes elsewhere at once before its answer has begun", () => {
    for (const code of [
      "agent_disconnected",
      "overloaded",
      "internal",
      "model_load_failed",
      "engine_crashed",
    ] as const) {
      expect(failoverStep({ ...failed, code })).toEqual({ kind: "elsewhere", afterMs: 0 });
    }
  });

  it("is failed where it is the request's own fault, or somebody stopped it", () => {
    for (const code of ["invalid_request", "context_length_exceeded", "cancelled", "invalid_api_key"] as const) {
      for (const begun of [true, false])
        expect(failoverStep({ ...failed, code, begun, replay: true })).toEqual({ kind: "fail" });
    }
  });

  it("waits for its own machine once the answer has begun, unless it may be replayed: then a moment", () => {
    expect(failoverStep({ ...failed, begun: true })).toEqual({ kind: "wait" });
    expect(failoverStep({ ...failed, begun: true, code: "internal" })).toEqual({ kind: "fail" });
    expect(failoverStep({ ...failed, begun: true, replay: true })).toEqual({ kind: "elsewhere", afterMs: 5_000 });
    expect(failoverStep({ ...failed, begun: true, replay: true, code: "internal" })).toEqual({
      kind: "elsewhere",
      afterMs: 0,
    });
  });

  it("is given to so many machines and no more", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), (begun, replay) => {
        let attempts = 1;
        while (failoverStep({ ...failed, code: "internal", attempts, begun, replay }).kind === "elsewhere") attempts++;
        expect(attempts).toBeLessThanOrEqual(3);
      }),
    );
  });
});

describe("a machine whose requests fail", () => {
  it("gets no work from the third failure of its own on, until a later trial passes", () => {
    const suspicion = new Suspicion();
    const told = { ok: true, checkedAt: 100 };
    expect(suspicion.ended("a", "internal", told, 0)).toBe(false);
    expect(suspicion.ended("a", "invalid_request", told, 0)).toBe(false);
    expect(suspicion.ended("a", "timeout", told, 0)).toBe(false);
    expect(suspicion.isHealthy("a", told, 0)).toBe(true);
    expect(suspicion.ended("a", "internal", told, 0)).toBe(true);
    expect(suspicion.ended("a", "internal", told, 0)).toBe(false);
    expect(suspicion.isHealthy("a", told, 1e9)).toBe(false);
    // What still runs there and ends well proves nothing.
    expect(suspicion.ended("a", undefined, told, 0)).toBe(false);
    expect(suspicion.isHealthy("a", told, 0)).toBe(false);
    expect(suspicion.isHealthy("a", { ok: false, checkedAt: 200 }, 0)).toBe(false);
    expect(suspicion.isHealthy("a", { ok: true, checkedAt: 300 }, 0)).toBe(true);
    expect(suspicion.isHealthy("b", undefined, 0)).toBe(true);
  });

  it("starts over after a request that went well", () => {
    const suspicion = new Suspicion();
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 2; n++) expect(suspicion.ended("a", "internal", undefined, 0)).toBe(false);
      suspicion.ended("a", undefined, undefined, 0);
    }
    for (let n = 0; n < 3; n++) suspicion.ended("a", "internal", undefined, 0);
    // It makes no trials: after a minute it may show what it can.
    expect(suspicion.isHealthy("a", undefined, 59_999)).toBe(false);
    expect(suspicion.isHealthy("a", undefined, 60_000)).toBe(true);
  });
});

describe("waking a machine", () => {
  const wake = (last: string, network = "192.168.1.0/24") => ({ wake: [{ mac: `3c:52:82:00:00:${last}`, network }] });
  const sleeper = view("s", { online: false }, wake("01"));

  it("asks siblings on its network, at most two, and not again while it wakes", () => {
    const time = clock();
    const waker = new Waker(time.now);
    const agents = [
      sleeper,
      view("far", {}, wake("02", "10.0.0.0/8")),
      view("asleep", { online: false }, wake("03")),
      view("shy"),
      view("a", {}, wake("04")),
      view("b", {}, wake("05")),
      view("c", {}, wake("06")),
    ];
    const sent: [string, unknown][] = [];
    const send = (id: string, targets: unknown) => sent.push([id, targets]) > 0;
    expect(waker.canWake("s", agents)).toBe(true);
    expect(waker.wake("s", agents, send)).toBe("asked");
    expect(sent).toEqual([
      ["a", wake("01").wake],
      ["b", wake("01").wake],
    ]);
    expect(waker.wake("s", agents, send)).toBe("under_way");
    time.forward(45_000);
    expect(waker.wake("s", agents, send)).toBe("asked");
    expect(waker.wake("a", agents, send)).toBe("awake");
    expect(waker.wake("nobody", agents, send)).toBe("unknown");
    expect(waker.wake("x", [view("x", { online: false }), ...agents], send)).toBe("not_allowed");
    expect(new Waker().wake("s", [sleeper, view("shy")], send)).toBe("no_sibling");
    expect(waker.canWake("s", [sleeper, view("shy")])).toBe(false);
  });

  it("for a request wakes one that could take it, and only one at a time", () => {
    const time = clock();
    const waker = new Waker(time.now);
    const second = view("t", { online: false }, wake("07"));
    const out = view("out", { online: false, draining: true }, wake("08"));
    const agents = [sleeper, second, out, view("a", {}, { ...wake("04"), models: [] })];
    expect(waker.sleepers(needs, agents)).toEqual(["s", "t"]);
    waker.wake("s", agents, () => true);
    expect(waker.sleepers(needs, agents)).toEqual(["s"]);
    time.forward(45_000);
    // The first did not come: it is the other's turn.
    expect(waker.sleepers(needs, agents)).toEqual(["t", "s"]);
    expect(() => waker.sleepers({ ...needs, model: "nobody's" }, agents)).toThrow(/nobody's/);
  });
});

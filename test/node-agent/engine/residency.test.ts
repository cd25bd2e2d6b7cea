import { setTimeout as sleep } from "node:timers/promises";
import { assert, asyncProperty, constantFrom, integer, array as listOf, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { Residency, type Resident } from "../../../node-agent/engine/residency.ts";

const GB = 1e9;
const never = new AbortController().signal;

/** A model whose process is only a flag; it takes a turn of the event loop to go. */
class Model implements Resident {
  readonly name: string;
  readonly bytes: number;
  isLive = false;
  measuredBytes: number | undefined;
  uses = 0;
  reclaimed = 0;

  constructor(name: string, bytes: number) {
    this.name = name;
    this.bytes = bytes;
  }

  reclaim(): void {
    this.reclaimed++;
  }

  async unload(): Promise<void> {
    if (this.uses > 0) throw new Error(`${this.name} was unloaded while it worked.`);
    await new Promise(setImmediate);
    this.isLive = false;
  }
}

async function use(residency: Residency, model: Model, run: () => Promise<unknown>, keepAliveMs = -1): Promise<void> {
  await residency.enter(model, never);
  model.isLive = true;
  model.uses++;
  await run();
  model.uses--;
  residency.leave(model, keepAliveMs);
}

const turn = () => new Promise(setImmediate);

describe("Residency", () => {
  it("keeps what is loaded within the budget, unloads nothing that works, and serves everyone", async () => {
    const job = record({
      model: integer({ min: 0, max: 4 }),
      startAfter: integer({ min: 0, max: 20 }),
      turns: integer({ min: 0, max: 6 }),
      keepAliveMs: constantFrom(-1, 0),
    });
    await assert(
      asyncProperty(listOf(job, { minLength: 1, maxLength: 30 }), async (jobs) => {
        const models = [1, 2, 3, 4, 9].map((size, i) => new Model(`model ${i}`, size * GB));
        const residency = new Residency({ budgetBytes: 6 * GB });
        let served = 0;
        await Promise.all(
          jobs.map(async ({ model: index, startAfter, turns, keepAliveMs }) => {
            for (let i = 0; i < startAfter; i++) await turn();
            const model = models[index];
            if (model === undefined) throw new Error("no such model");
            await use(
              residency,
              model,
              async () => {
                const live = models.filter(({ isLive }) => isLive);
                const bytes = live.reduce((sum, { bytes: size }) => sum + size, 0);
                expect(bytes <= 6 * GB || live.length === 1).toBe(true);
                for (let i = 0; i < turns; i++) await turn();
              },
              keepAliveMs,
            );
            served++;
          }),
        );
        expect(served).toBe(jobs.length);
        residency.stop();
      }),
      { numRuns: 200 },
    );
  });

  it("lets the model that was used least recently go first", async () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => new Model(name, 2 * GB));
    if (a === undefined || b === undefined || c === undefined) throw new Error("three models");
    const residency = new Residency({ budgetBytes: 4 * GB });
    await use(residency, a, turn);
    await use(residency, b, turn);
    await use(residency, a, turn);
    await use(residency, c, turn);
    expect([a.isLive, b.isLive, c.isLive]).toEqual([true, false, true]);
  });

  it("tells who waits for room its place in line, and lets it give up", async () => {
    const [big, second, third] = [3, 3, 3].map((size, i) => new Model(`${i}`, size * GB));
    if (big === undefined || second === undefined || third === undefined) throw new Error("three models");
    const residency = new Residency({ budgetBytes: 4 * GB });
    await residency.enter(big, never);
    big.isLive = true;
    const places: string[] = [];
    const left = new AbortController();
    const givenUp = residency.enter(second, left.signal, (place) => places.push(`second ${place}`));
    const entered = residency.enter(third, never, (place) => places.push(`third ${place}`));
    left.abort(new Error("gone"));
    await expect(givenUp).rejects.toThrow("gone");
    expect(places).toEqual(["second 1", "second 1", "third 2", "third 1"]);
    residency.leave(big);
    await entered;
    expect(big.isLive).toBe(false);
  });

  it("unloads an idle model when its time is over, not before, and not one that is used again", async () => {
    const model = new Model("a", GB);
    const residency = new Residency({ budgetBytes: 4 * GB });
    await use(residency, model, turn, 40);
    await sleep(20);
    await use(residency, model, () => sleep(60), 40);
    expect(model.isLive).toBe(true);
    await sleep(80);
    expect(model.isLive).toBe(false);
    await use(residency, model, turn, 0);
    await sleep(40);
    expect(model.isLive).toBe(false);
    await use(residency, model, turn, Number.POSITIVE_INFINITY);
    await sleep(60);
    expect(model.isLive).toBe(true);
  });

  it("gives caches back above the threshold, then idle models, and never one that works", async () => {
    const [a, b] = [new Model("a", GB), new Model("b", GB)];
    const residency = new Residency({ budgetBytes: 4 * GB });
    await use(residency, a, turn);
    await residency.enter(b, never);
    b.isLive = true;
    [a.measuredBytes, b.measuredBytes] = [1.5 * GB, 1.6 * GB];
    residency.relieve();
    expect([a.reclaimed, b.reclaimed, a.isLive]).toEqual([0, 0, true]);
    b.measuredBytes = 1.8 * GB;
    residency.relieve();
    await turn();
    await turn();
    expect([a.reclaimed, b.reclaimed, a.isLive, b.isLive]).toEqual([1, 1, false, true]);
    b.measuredBytes = 3.9 * GB;
    residency.relieve();
    await turn();
    expect(b.isLive).toBe(true);
  });
});

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { PaceTable } from "../../../edge/home/quota/pace.ts";
import { Quotas } from "../../../edge/home/quota/quotas.ts";

const NONE = { requestsPerMinute: null, tokensPerDay: null, nodeSecondsPerDay: null };

describe("what is counted", () => {
  const demand = { model: "m", bodyBytes: 400, worstTokens: 150 };
  const inHome = async (work: (sql: SqlStorage) => void) =>
    await runInDurableObject(env.HOME.getByName(crypto.randomUUID()), (_home, state) => work(state.storage.sql));

  it("outlives the object: the minute, the day, and what was under way", async () => {
    await inHome((sql) => {
      const caller = { id: "k", version: 0, limits: { ...NONE, requestsPerMinute: 2, tokensPerDay: 300 } };
      const first = new Quotas(sql);
      const done = first.start({ ...demand, caller });
      done.read(new TextEncoder().encode('{"type":"usage","promptTokens":10,"completionTokens":5}\n'));
      done.settle(false);
      done.settle(true);
      first.start({ ...demand, caller });
      // As after a crash.
      const second = new Quotas(sql);
      expect(() => second.start({ ...demand, caller })).toThrow("2 requests per minute");
      const today = new Date().toISOString().slice(0, 10);
      expect(second.usage(today, today)).toMatchObject([
        { caller: "k", requests: 2, promptTokens: 110, completionTokens: 5, errors: 1 },
      ]);
    });
  });

  it("is never too little after a crash, where a high limit is written down ahead of time", async () => {
    await inHome((sql) => {
      const caller = { id: "k", version: 0, limits: { ...NONE, requestsPerMinute: 1280 } };
      const remaining = (quotas: Quotas) =>
        Number(quotas.start({ ...demand, caller }).headers["x-ratelimit-remaining-requests"]);
      for (let crash = 0, started = 0; crash < 4; crash++) {
        const quotas = new Quotas(sql);
        const first = remaining(quotas);
        started += 1;
        // No more than what is left; each crash costs the caller 10 of 1280 at most, in each second that it falls into.
        expect(first).toBeLessThanOrEqual(1280 - started);
        expect(first).toBeGreaterThanOrEqual(1280 - started - 11 * crash);
        for (let i = 0; i < 12; i++, started++) expect(remaining(quotas)).toBeLessThan(first);
      }
    });
  });

  it("keeps a revoked caller's minute, and drops it after that with the next", async () => {
    await inHome((sql) => {
      const pace = new PaceTable(sql);
      const callers = () => sql.exec("SELECT caller FROM pace").toArray().length;
      pace.count("k", 2, 100_000);
      pace.sweep(159_999);
      expect(callers()).toBe(1);
      expect(new PaceTable(sql).at("k", 2, 159_999).used).toBe(1);
      pace.sweep(162_000);
      expect(callers()).toBe(0);
      expect(pace.at("k", 2, 162_000).used).toBe(0);
    });
  });

  it("charges the most that ran at once after a crash, and nothing once all has ended for a while", async () => {
    const home = env.HOME.getByName(crypto.randomUUID());
    const caller = { id: "k", version: 0, limits: { ...NONE, tokensPerDay: 100_000 } };
    const today = new Date().toISOString().slice(0, 10);
    await runInDurableObject(home, async (_home, { storage: { sql } }) => {
      const first = new Quotas(sql);
      const [one, two] = [first.start({ ...demand, caller }), first.start({ ...demand, caller })];
      one.cancel();
      two.cancel();
      first.start({ ...demand, caller }).cancel();
      await scheduler.wait(1200);
      const second = new Quotas(sql);
      expect(second.usage(today, today)).toEqual([]);
      const three = [1, 2, 3].map(() => second.start({ ...demand, caller }));
      three[0]?.cancel();
      const third = new Quotas(sql);
      expect(third.usage(today, today)).toMatchObject([{ requests: 3, promptTokens: 300, errors: 3 }]);
      // Charged once.
      expect(new Quotas(sql).usage(today, today)).toMatchObject([{ requests: 3, promptTokens: 300 }]);
      three[1]?.cancel();
      three[2]?.cancel();
    });
  });

  it("costs hardly a write more with limits than without: an answer waits for each", async () => {
    await inHome((sql) => {
      const quotas = new Quotas(sql);
      const changes = () => Number(sql.exec("SELECT total_changes() AS n").one()["n"]);
      const writesOf = (limits: typeof NONE | Record<keyof typeof NONE, number>) => {
        const caller = { id: crypto.randomUUID(), version: 0, limits };
        const before = changes();
        for (let i = 0; i < 100; i++) quotas.start({ ...demand, caller }).settle(false);
        return changes() - before;
      };
      const without = writesOf(NONE);
      const withLimits = writesOf({ requestsPerMinute: 100_000, tokensPerDay: 1e9, nodeSecondsPerDay: 1e6 });
      expect(without).toBeGreaterThanOrEqual(100);
      expect(withLimits - without).toBeLessThan(5);
    });
  });

  it("promises the worst case, and lets one large request use up what is left", async () => {
    await inHome((sql) => {
      const quotas = new Quotas(sql);
      const caller = { id: "k", version: 0, limits: { ...NONE, tokensPerDay: 200 } };
      const large = quotas.start({ ...demand, worstTokens: 100_000, caller });
      expect(() => quotas.start({ ...demand, worstTokens: 1, caller })).toThrow("requests that are running");
      large.cancel();
      const small = quotas.start({ ...demand, caller });
      expect(() => quotas.start({ ...demand, caller })).toThrow("requests that are running");
      small.settle(false);
      // 400 bytes, about 100 tokens: another 100 are left.
      quotas.start({ ...demand, caller });
    });
  });

  it("reads usage from lines in any pieces, and nothing from lies", async () => {
    await inHome((sql) => {
      const quotas = new Quotas(sql);
      const caller = { id: "k", version: 0, limits: NONE };
      const lines = [
        '{"type":"text","text":"\\"usage\\""}',
        "nonsense",
        '{"type":"usage","promptTokens":-1}',
        "x".repeat(5000),
      ];
      const usageLine = '{ "promptTokens":7, "completionTokens":2, "cachedTokens":1, "type":"usage" }';
      const bytes = new TextEncoder().encode(`${[...lines, usageLine].join("\n")}\n`);
      const ticket = quotas.start({ ...demand, caller });
      for (const byte of bytes) ticket.read(Uint8Array.of(byte));
      ticket.settle(false);
      const today = new Date().toISOString().slice(0, 10);
      expect(quotas.usage(today, today)).toMatchObject([{ promptTokens: 7, completionTokens: 2, cachedTokens: 1 }]);
    });
  });
});

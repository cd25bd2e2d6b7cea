import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { PluginClock } from "../../../edge/home/plugins/clock/clock.ts";
import type { Installed } from "../../../edge/home/plugins/installed.ts";
import type { ToolOutcome } from "../../../edge/home/plugins/tool-box.ts";
import { inspect, install, type ListedCall, packed, type Shown } from "../plugins/support.ts";
import { errorOf, type Owner, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";

const MIN = 60_000;
const NINE = Date.UTC(2026, 10, 23, 9);
const scheduled = (every: string): string =>
  `schedule: { every: ${JSON.stringify(every)}, async run({ input, caller, storage }) { await storage.set("ran", JSON.stringify({ input, caller })); } }`;

let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});
const home = () => env.HOME.getByName(owner.accountId);
const shown = async (): Promise<Shown> =>
  await (await send(owner.apiKey, "GET", "/api/plugins/test/tried")).json<Shown>();
const calls = async (): Promise<ListedCall[]> =>
  (await (await send(owner.apiKey, "GET", "/api/plugin-calls")).json<{ calls: ListedCall[] }>()).calls;

it("runs a plugin by itself once that was granted, in its person's time, and no more once it is withdrawn", async () => {
  const bytes = await packed({}, { permissions: { schedule: true, storageBytes: 1_000 } }, scheduled("0 8 * * *"));
  const made = await install(owner.apiKey, bytes, { storageBytes: 1_000 });
  expect(made).toMatchObject({ parts: [{ part: "schedule", every: "0 8 * * *" }], nextRunAt: null });
  const permissions = { storageBytes: 1_000, schedule: true };
  const nowhere = await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", {
    permissions,
    timeZone: "Atlantis/Main",
  });
  expect(await errorOf(nowhere)).toMatchObject({ code: "invalid_request", param: "timeZone" });
  await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", {
    permissions,
    timeZone: "Asia/Shanghai",
    locale: "zh-CN",
  });
  const { nextRunAt } = await shown();
  // 8 o'clock in Shanghai is midnight of UTC.
  expect(nextRunAt).toMatch(/T00:0[01]:/);
  const dueAtMs = Date.now() - 25 * 60 * MIN;
  await runInDurableObject(home(), (_, state) => {
    state.storage.sql.exec("UPDATE plugin_times SET due_at = ?, next_at = ?", dueAtMs, dueAtMs);
  });
  await expect
    .poll(async () => {
      await runInDurableObject(home(), async (_, state) => await state.storage.setAlarm(Date.now()));
      await runDurableObjectAlarm(home());
      return (await calls()).map(({ tool, state }) => `${tool} ${state}`);
    })
    .toEqual(["on:schedule done"]);
  const [call] = await calls();
  const record = await (await send(owner.apiKey, "GET", `/api/plugin-calls/${call?.id}`)).json<{ input: string }>();
  expect(JSON.parse(record.input)).toEqual({ dueAt: new Date(dueAtMs).toISOString(), missed: 1 });
  expect(Date.parse((await shown()).nextRunAt ?? "")).toBeGreaterThan(Date.now());
  await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", { permissions: { storageBytes: 1_000 } });
  expect((await shown()).nextRunAt).toBeNull();
});

it("takes no times that are none, or closer than 15 minutes", async () => {
  for (const every of ["* * * * *", "*/14 * * * *", "nonsense", "0 0 30 2 *", "@hourly", "0 0 * * * *"]) {
    const refused = await inspect(
      owner.apiKey,
      await packed({}, { permissions: { schedule: true } }, scheduled(every)),
    );
    expect([every, (await errorOf(refused)).code]).toEqual([every, "plugin_invalid"]);
  }
});

/** A clock of its own, over the real SQLite, whose plugins come to what is said here. */
async function withClock(
  outcomes: (ToolOutcome | undefined)[],
  steps: (clock: PluginClock, ran: unknown[], at: (ms: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  await runInDurableObject(env.HOME.getByName(crypto.randomUUID()), async (_, state) => {
    let nowMs = NINE;
    const ran: unknown[] = [];
    const installed = { name: "@a/b", parts: [{ part: "schedule", every: "0 * * * *" }] } as unknown as Installed; // what it looks at
    const clock = new PluginClock({
      sql: state.storage.sql,
      plugins: {
        withPart: () => [installed],
        callPart: async (_user, _name, _part, { input }) => {
          ran.push(input);
          return await Promise.resolve(outcomes.shift() ?? { ok: true, value: null });
        },
      },
      onChange: () => undefined,
      now: () => nowMs,
      random: () => 0.5,
    });
    clock.sync("u");
    const at = async (ms: number): Promise<void> => {
      nowMs = ms;
      clock.tick();
      await new Promise((done) => setTimeout(done, 5));
    };
    await steps(clock, ran, at);
  });
}
const failed = (code: string): ToolOutcome => ({ ok: false, error: { code, message: code } });

it("runs once for all times that passed, a little after each, and again soon where no machine was there", async () => {
  await withClock([undefined, undefined, failed("plugin_no_runtime")], async (clock, ran, at) => {
    expect(clock.nextAtMs()).toBe(NINE + 61 * MIN);
    await at(NINE + 60 * MIN);
    expect(ran).toEqual([]);
    await at(NINE + 61 * MIN);
    await at(NINE + 62 * MIN);
    expect(ran).toEqual([{ dueAt: "2026-11-23T10:00:00.000Z", missed: 0 }]);
    await at(NINE + 8 * 60 * MIN + 30 * MIN);
    expect(ran.slice(1)).toEqual([{ dueAt: "2026-11-23T11:00:00.000Z", missed: 6 }]);
    await at(NINE + 9 * 60 * MIN + MIN);
    expect(clock.nextAtMs()).toBe(NINE + 9 * 60 * MIN + 11 * MIN);
    await at(NINE + 9 * 60 * MIN + 11 * MIN);
    expect(ran.slice(2)).toEqual(Array.from({ length: 2 }, () => ({ dueAt: "2026-11-23T18:00:00.000Z", missed: 0 })));
    expect(clock.nextAtMs()).toBe(NINE + 10 * 60 * MIN + MIN);
  });
});

it("ends what fails ten times in a row", async () => {
  await withClock(
    Array.from({ length: 20 }, () => failed("plugin_failed")),
    async (clock, ran, at) => {
      for (let hour = 1; hour <= 14; hour++) await at(NINE + hour * 60 * MIN + 2 * MIN);
      expect(ran).toHaveLength(10);
      expect(clock.nextRunMs("u", "@a/b")).toBeUndefined();
      expect(clock.nextAtMs()).toBeUndefined();
    },
  );
});

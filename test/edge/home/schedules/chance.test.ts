import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { nextTimesMs } from "../../../../edge/home/schedules/recurrence.ts";
import { SCHEDULE_LIMITS } from "../../../../edge/home/schedules/limits.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { ScheduleBench } from "./bench.ts";

/** The clocks of Berlin go back an hour in the night after that. */
const START_MS = Date.parse("2026-10-24T10:00:00Z");
const ANNS = { userId: "ann" };

type Step =
  | { kind: "wait"; minutes: number }
  | { kind: "finish" | "fail" | "restart" | "tick" | "now" }
  | { kind: "machines" | "database" | "sessions"; works: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), minutes: fc.integer({ min: 0, max: 300 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("finish", "fail", "restart", "tick", "now") }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("machines", "database", "sessions"), works: fc.boolean() }),
  },
);

async function take(bench: ScheduleBench, id: string, one: Step): Promise<void> {
  if (one.kind === "wait") return await bench.at(one.minutes * 60_000);
  if (one.kind === "restart") return bench.restart();
  if (one.kind === "tick") return await bench.tick();
  if (one.kind === "now") return void (await bench.desk.runNow(id, ANNS).catch(() => undefined));
  if (one.kind === "machines") bench.runner.nobody = one.works ? undefined : new PorchlightError("agent_offline");
  if (one.kind === "sessions") bench.sessions.broken = !one.works;
  if (one.kind === "database") {
    bench.permit = () => (one.works ? Promise.resolve(bench.allowed) : Promise.reject(new Error("as the test has it")));
  }
  if (one.kind === "finish" && bench.runner.running.size > 0) await bench.finish(`${bench.runner.started.length}`);
  if (one.kind === "fail" && bench.runner.running.size > 0) bench.fail("context_length_exceeded");
}

/** Everything works again, and whatever waited is done. */
async function heal(bench: ScheduleBench, id: string): Promise<void> {
  for (const kind of ["machines", "database", "sessions"] as const) await take(bench, id, { kind, works: true });
  bench.nowMs += SCHEDULE_LIMITS.retryMs;
  for (let round = 0; round < 3; round++) {
    await bench.tick();
    await take(bench, id, { kind: "finish" });
  }
}

it("runs each time once or counts it as passed, and lands each answer once, whatever fails and whenever", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  await runInDurableObject(env.HOME.getByName("schedule chance"), async (_home, { storage }) => {
    const cron = fc.constantFrom("*/30 * * * *", "0 */2 * * *", "30 2 * * *");
    await fc.assert(
      fc.asyncProperty(cron, fc.array(step, { minLength: 5, maxLength: 14 }), async (at, steps) => {
        const bench = new ScheduleBench(storage.sql);
        bench.nowMs = START_MS;
        const { id } = bench.add({ cron: at });
        for (const one of steps) await take(bench, id, one);
        await heal(bench, id);
        const runs = bench.desk.runs(id, ANNS) ?? [];
        const stoodFor = runs.map(({ kind, missed }) => missed + (kind === "now" ? 0 : 1));
        const all = nextTimesMs({ cron: at, timeZone: "Europe/Berlin" }, START_MS, 200);
        expect(stoodFor.reduce((sum, count) => sum + count, 0)).toBe(all.filter((time) => time <= bench.nowMs).length);
        const landed = runs.filter(({ state }) => state === "completed").map((run) => run.landed?.index);
        // One whose conversation was out of reach lands later than those after it.
        expect(new Set(landed)).toEqual(new Set(landed.map((_, index) => index)));
        expect(new Set(bench.sessions.answers).size).toBe(landed.length);
        expect(bench.sessions.answers).toHaveLength(landed.length);
        expect(bench.desk.nextAtMs()).toBeGreaterThan(bench.nowMs - 1);
        expect(runs.some(({ state }) => state === "active")).toBe(false);
      }),
      { numRuns: 40 },
    );
  });
}, 60_000);

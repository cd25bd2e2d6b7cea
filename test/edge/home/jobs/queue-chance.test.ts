import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { JOB_STATES } from "../../../../edge/home/jobs/job.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { Bench } from "./bench-runner.ts";

const ENDED = new Set<string>(JOB_STATES.filter((state) => state !== "queued" && state !== "running"));

/** What may happen to a queue; `which` picks among what there is. */
const step = fc.oneof(
  fc.record({ what: fc.constant("add" as const), priority: fc.constantFrom("low", "normal", "high") }),
  fc.record({ what: fc.constantFrom("finish", "fail", "cancel", "lateFinish", "remove"), which: fc.nat(20) }),
  fc.record({ what: fc.constantFrom("wait", "waitLong"), ms: fc.nat(30_000) }),
  fc.record({ what: fc.constant("restart" as const), runsLive: fc.boolean() }),
  fc.record({ what: fc.constant("machines" as const), slots: fc.nat(3) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function apply(bench: Bench, jobs: string[], one: Step): void {
  const { runner, queue } = bench;
  if ("priority" in one) jobs.push(bench.add({ priority: one.priority }).id);
  else if ("runsLive" in one) bench.restart({ runsLive: one.runsLive });
  else if ("ms" in one) bench.at(one.what === "wait" ? one.ms : one.ms * 200);
  else if ("slots" in one) {
    runner.slots = one.slots;
    runner.nobody = one.slots === 0 ? new PorchlightError("agent_offline") : undefined;
    queue.tick();
  } else {
    const running = [...runner.running];
    const run = running[one.which % Math.max(1, running.length)];
    const anyRun = runner.started[one.which % Math.max(1, runner.started.length)]?.runId;
    const id = jobs[one.which % Math.max(1, jobs.length)];
    if (one.what === "finish" && run !== undefined) bench.finish(run);
    if (one.what === "fail" && run !== undefined) bench.fail("engine_crashed", run);
    // A machine that was given up tells of its end after all, once more or for another attempt.
    if (one.what === "lateFinish" && anyRun !== undefined && !runner.running.has(anyRun))
      queue.ended(anyRun, { events: [] });
    if (one.what === "cancel" && id !== undefined) queue.cancel(id);
    if (one.what === "remove" && id !== undefined) queue.remove(id);
  }
}

it("ends each job once, whatever happens in whatever order, and comes to rest", async () => {
  await runInDurableObject(env.HOME.getByName("jobs by chance"), (_home, state) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bench = new Bench(state.storage.sql);
        const jobs: string[] = [];
        const last = new Map<string, string>();
        for (const one of steps) {
          apply(bench, jobs, one);
          for (const id of jobs) {
            const now = bench.queue.find(id)?.state;
            const before = last.get(id);
            // What has ended stays as it is, until it is forgotten.
            if (before !== undefined && ENDED.has(before) && now !== undefined) expect(now).toBe(before);
            if (now !== undefined) last.set(id, now);
          }
        }
        bench.runner.slots = 2;
        bench.runner.nobody = undefined;
        // Every machine answers from now on: all jobs end.
        for (
          let turn = 0;
          turn < 200 && bench.queue.list({ limit: 200 }).some(({ endedAtMs }) => endedAtMs === null);
          turn++
        ) {
          bench.at(10 * 60_000);
          for (const run of bench.runner.running) bench.finish(run);
        }
        const ends = bench.ends.map(({ id }) => id);
        expect(new Set(ends).size).toBe(ends.length);
        expect(ends.toSorted()).toEqual(jobs.toSorted());
      }),
      { numRuns: 25, seed: 20_261_122 },
    );
  });
});

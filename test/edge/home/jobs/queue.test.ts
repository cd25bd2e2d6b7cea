import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { JOB_LIMITS, PART_BYTES } from "../../../../edge/home/jobs/limits.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { Bench, PLAIN } from "./bench-runner.ts";

/** A test over a real object's SQLite. */
function onBench(name: string, run: (bench: Bench) => void): void {
  it(name, async () => {
    await runInDurableObject(env.HOME.getByName("jobs bench"), (_home, state) => run(new Bench(state.storage.sql)));
  });
}

const latin1 = (bytes: Uint8Array | undefined): string => new TextDecoder("latin1").decode(bytes);
const OFFLINE = new PorchlightError("agent_offline");

onBench("starts a job when a machine is free, and keeps its one answer", (bench) => {
  const job = bench.add();
  expect(bench.state(job)).toBe("queued");
  bench.queue.tick();
  expect(bench.state(job)).toBe("running");
  expect(bench.runner.started[0]).toMatchObject({ model: "starter", caller: { id: "ann" }, body: PLAIN.body });
  bench.finish();
  expect(bench.state(job)).toBe("completed");
  expect(JSON.parse(new TextDecoder().decode(bench.queue.result(job.id)))).toEqual([
    { type: "text", text: "done" },
    { type: "usage", promptTokens: 3, completionTokens: 4 },
    { type: "finish", reason: "stop" },
  ]);
  expect(bench.ends.map(({ id, state }) => [id, state])).toEqual([[job.id, "completed"]]);
});

onBench("waits for a machine, however often it looks, and makes no attempt of it", (bench) => {
  bench.runner.nobody = OFFLINE;
  const job = bench.add();
  for (let look = 0; look < 20; look++) bench.at(60_000);
  expect(bench.queue.find(job.id)).toMatchObject({ state: "queued", attempts: 0, error: { code: "agent_offline" } });
  expect(bench.queue.nextAtMs()).toBe(bench.nowMs + JOB_LIMITS.lookAgainMs);
  bench.runner.nobody = undefined;
  bench.queue.tick();
  expect(bench.queue.find(job.id)).toMatchObject({ state: "running", attempts: 1 });
});

onBench("takes jobs in turn by priority, and none waits for ever behind higher ones", (bench) => {
  const low = bench.add({ priority: "low" });
  bench.nowMs += 1;
  const normal = bench.add();
  bench.nowMs += 1;
  const high = bench.add({ priority: "high" });
  expect(bench.queue.standings([low, normal, high]).get(low.id)).toMatchObject({ position: 3, startsInMs: 20_000 });
  expect(bench.queue.standings([high]).get(high.id)).toMatchObject({ position: 1, startsInMs: 0 });
  bench.nowMs += 2 * JOB_LIMITS.priorityMs;
  const later = bench.add({ priority: "high" });
  const order = [];
  for (let turn = 0; turn < 4; turn++) {
    bench.queue.tick();
    order.push(bench.runner.last.split(".")[0]);
    bench.finish();
  }
  expect(order).toEqual([high.id, normal.id, low.id, later.id]);
});

onBench("runs as many at once as there is room for", (bench) => {
  bench.runner.slots = 3;
  for (let n = 0; n < 5; n++) bench.add();
  bench.queue.tick();
  expect(bench.runner.started).toHaveLength(3);
  bench.finish();
  bench.queue.tick();
  expect(bench.runner.started).toHaveLength(4);
});

onBench("lets a job for another model past one that has no machine", (bench) => {
  bench.runner.hasRoom = ({ model }) => {
    if (model === "asleep") throw OFFLINE;
    return true;
  };
  const stuck = bench.add({ model: "asleep" });
  const free = bench.add();
  bench.queue.tick();
  expect([bench.state(stuck), bench.state(free)]).toEqual(["queued", "running"]);
});

onBench("tries again after failures, later each time, and gives up after five", (bench) => {
  const job = bench.add();
  bench.queue.tick();
  for (let attempt = 1; attempt < JOB_LIMITS.attempts; attempt++) {
    bench.fail("engine_crashed");
    const pauseMs = JOB_LIMITS.backOffMs * 2 ** (attempt - 1) * 0.75; // with chance at its middle
    expect(bench.queue.find(job.id)).toMatchObject({
      state: "queued",
      attempts: attempt,
      notBeforeMs: bench.nowMs + pauseMs,
    });
    bench.at(pauseMs - 1);
    expect(bench.state(job)).toBe("queued");
    bench.at(1);
    expect(bench.state(job)).toBe("running");
  }
  bench.fail("engine_crashed");
  expect(bench.queue.find(job.id)).toMatchObject({ state: "failed", error: { code: "engine_crashed" } });
  expect(bench.ends).toHaveLength(1);
});

onBench("fails at once by what another try would not change", (bench) => {
  const job = bench.add();
  bench.queue.tick();
  bench.fail("context_length_exceeded");
  expect(bench.queue.find(job.id)).toMatchObject({ state: "failed", attempts: 1 });
});

onBench("hears the current attempt alone: one result, whoever comes late", (bench) => {
  const job = bench.add();
  bench.queue.tick();
  const first = bench.runner.last;
  bench.fail("agent_disconnected");
  bench.finish(first, "too late");
  expect(bench.state(job)).toBe("queued");
  bench.at(60_000);
  const second = bench.runner.last;
  expect(second).not.toBe(first);
  bench.finish(first, "much too late");
  expect(bench.state(job)).toBe("running");
  bench.finish(second, "mine");
  bench.finish(second, "again");
  bench.fail("engine_crashed", second);
  expect(new TextDecoder().decode(bench.queue.result(job.id))).toContain('"mine"');
  expect(bench.ends.map(({ state }) => state)).toEqual(["completed"]);
});

onBench("waits as a caller's limit says, and keeps to no limit that is over an hour away", (bench) => {
  const job = bench.add();
  bench.runner.refusal = new PorchlightError("rate_limit_exceeded", undefined, { retryAfterMs: 30_000 });
  bench.queue.tick();
  expect(bench.queue.find(job.id)).toMatchObject({ state: "queued", attempts: 0, notBeforeMs: bench.nowMs + 30_000 });
  bench.runner.refusal = new PorchlightError("rate_limit_exceeded", undefined, { retryAfterMs: 12 * 3600_000 });
  bench.at(30_000);
  expect(bench.queue.find(job.id)?.notBeforeMs).toBe(bench.nowMs + JOB_LIMITS.limitWaitMaxMs);
  bench.runner.refusal = undefined;
  bench.at(JOB_LIMITS.limitWaitMaxMs);
  expect(bench.state(job)).toBe("running");
});

onBench("cancels what waits and what runs, and nothing that has ended", (bench) => {
  const running = bench.add();
  bench.queue.tick();
  const waiting = bench.add();
  expect([bench.queue.cancel(waiting.id), bench.queue.cancel(running.id)]).toEqual([true, true]);
  expect(bench.runner.cancelled).toEqual([bench.runner.last]);
  bench.finish();
  expect([bench.state(waiting), bench.state(running)]).toEqual(["cancelled", "cancelled"]);
  expect(bench.queue.cancel(running.id)).toBe(false);
  expect(bench.queue.cancel("job_unknown")).toBe(false);
  expect(bench.ends).toHaveLength(2);
});

onBench("ends what is past its deadline, waiting or running", (bench) => {
  const running = bench.add({ deadlineMs: 10_000 });
  bench.queue.tick();
  const waiting = bench.add({ deadlineMs: 20_000 });
  expect(bench.queue.nextAtMs()).toBe(bench.nowMs + 10_000);
  bench.at(9_999);
  expect(bench.state(running)).toBe("running");
  bench.at(1);
  expect([bench.state(running), bench.state(waiting)]).toEqual(["expired", "running"]);
  bench.at(10_000);
  expect(bench.state(waiting)).toBe("expired");
  expect(bench.runner.cancelled).toHaveLength(2);
});

onBench("goes on after a restart with the run that lives, and begins anew the one that was lost", (bench) => {
  const job = bench.add();
  bench.queue.tick();
  const first = bench.runner.last;
  bench.restart({ runsLive: true });
  bench.queue.tick();
  expect(bench.runner.started).toHaveLength(1);
  bench.restart({ runsLive: false });
  bench.queue.tick();
  expect(bench.queue.find(job.id)).toMatchObject({ state: "queued", attempts: 1 });
  bench.finish(first, "from the life before");
  bench.at(60_000);
  expect(bench.queue.find(job.id)).toMatchObject({ state: "running", attempts: 2 });
  bench.finish();
  expect(bench.ends.map(({ state }) => state)).toEqual(["completed"]);
});

onBench("gives up a job with which the object goes down again and again", (bench) => {
  const job = bench.add();
  for (let life = 0; life < JOB_LIMITS.attempts; life++) {
    bench.at(JOB_LIMITS.backOffMaxMs);
    bench.restart({ runsLive: false });
    bench.queue.tick();
  }
  expect(bench.queue.find(job.id)).toMatchObject({ state: "failed", error: { code: "agent_disconnected" } });
});

onBench("keeps requests and answers of several megabytes, and forgets a request with its job", (bench) => {
  const body = new Uint8Array(3 * PART_BYTES + 7).map((_, index) => index % 251);
  const job = bench.add({ body });
  bench.queue.tick();
  expect(latin1(bench.runner.started[0]?.body) === latin1(body)).toBe(true); // a deep comparison takes seconds
  bench.finish(bench.runner.last, "x".repeat(2 * PART_BYTES));
  expect(bench.queue.result(job.id).length).toBeGreaterThan(2 * PART_BYTES);
  const big = bench.add();
  bench.queue.tick();
  bench.finish(bench.runner.last, "y".repeat(JOB_LIMITS.resultBytes));
  expect(bench.queue.find(big.id)).toMatchObject({ state: "failed", error: { code: "body_too_large" } });
});

onBench("takes no more than it can keep", (bench) => {
  bench.runner.nobody = OFFLINE;
  for (let n = 0; n < JOB_LIMITS.activePerPerson; n++) bench.add();
  expect(() => bench.add()).toThrow(expect.objectContaining({ code: "queue_full" }));
  expect(() => bench.add({ userId: "ben" })).not.toThrow();
});

onBench("forgets what ended a week ago, and looks at that by itself", (bench) => {
  const job = bench.add();
  bench.queue.tick();
  bench.finish();
  expect(bench.queue.remove(bench.add().id)).toBe(false);
  bench.queue.callerGone("ann");
  expect(bench.queue.list({ limit: 10 })).toEqual([]);
  const kept = bench.add();
  bench.queue.tick();
  bench.finish();
  const dueMs = bench.queue.nextAtMs();
  expect(dueMs).toBe(bench.nowMs + JOB_LIMITS.keptMs + 1);
  bench.at(JOB_LIMITS.keptMs);
  expect(bench.state(kept)).toBe("completed");
  bench.at(1);
  expect(bench.state(kept)).toBeUndefined();
  expect(bench.state(job)).toBeUndefined();
});

onBench("ends with its key what the key has under way, and what it began counts by the key's new limits", (bench) => {
  const limits = { requestsPerMinute: 1, tokensPerDay: null, nodeSecondsPerDay: null };
  const key = { id: "key", version: 1, limits };
  const job = bench.add({ caller: key });
  const own = bench.add();
  bench.queue.callerChanged({ ...key, version: 2, limits: { ...limits, requestsPerMinute: 7 } });
  expect(bench.queue.find(job.id)?.caller.limits.requestsPerMinute).toBe(7);
  bench.queue.callerGone("key");
  expect([bench.state(job), bench.state(own)]).toEqual(["cancelled", "queued"]);
});

onBench("lists the latest first, page by page, narrowed by person, key and state", (bench) => {
  const jobs = [bench.add(), bench.add({ userId: "ben" }), bench.add({ caller: { ...PLAIN.caller, id: "key" } })];
  const [first, second, third] = jobs.map(({ id }) => id);
  const ids = (filter: Parameters<typeof bench.queue.list>[0]) => bench.queue.list(filter).map(({ id }) => id);
  expect(ids({ limit: 10 })).toEqual([third, second, first]);
  expect(ids({ limit: 10, beforeSeq: jobs[2]?.seq ?? 0 })).toEqual([second, first]);
  expect(ids({ limit: 10, userId: "ann" })).toEqual([third, first]);
  expect(ids({ limit: 10, userId: "ann", callerId: "key" })).toEqual([third]);
  expect(ids({ limit: 10, state: "running" })).toEqual([]);
});

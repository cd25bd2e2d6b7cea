import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { takeMade } from "../../../../edge/home/made.ts";
import { SCHEDULE_LIMITS } from "../../../../edge/home/schedules/limits.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { ANN, HOUR_MS, PLAN, ScheduleBench, settled, START_MS } from "./bench.ts";

const DAY_MS = 24 * HOUR_MS;
const ANNS = { userId: "ann" };

/** A test over a real object's SQLite. */
function onBench(name: string, run: (bench: ScheduleBench) => Promise<void>): void {
  it(name, async () => {
    await runInDurableObject(env.HOME.getByName("schedule bench"), async (_home, state) => {
      await run(new ScheduleBench(state.storage.sql));
    });
  });
}

onBench("asks when it is due, as its person, and lands each answer in the same session", async (bench) => {
  const { id, timesMs, lastRun } = bench.add();
  expect(timesMs.map((ms) => new Date(ms).toISOString())).toEqual(
    ["23", "24", "25", "26", "27"].map((day) => `2026-11-${day}T07:00:00.000Z`),
  );
  expect(lastRun).toBeNull();
  expect(bench.desk.nextAtMs()).toBe(timesMs[0]);
  await bench.at(HOUR_MS / 2 - 1);
  expect(bench.runner.started).toEqual([]);
  await bench.at(1);
  expect(bench.runner.started).toHaveLength(1);
  expect(bench.runner.started[0]?.caller.id).toBe("ann");
  expect(bench.asked).toMatchObject({
    priority: "low",
    messages: [
      {
        role: "system",
        content: expect.stringMatching(
          /^ann asks: What is on today\?\n\nIt is Monday,? 23 November 2026 at 08:00 \(Europe\/Berlin\)\.$/,
        ),
      },
      { role: "user", content: "What is on today?" },
    ],
  });
  await bench.tick();
  expect(bench.runner.started).toHaveLength(1);
  await bench.finish("Nothing.");
  expect(bench.view(id)).toMatchObject({
    sessionId: "ses_0",
    nextAtMs: START_MS + DAY_MS + HOUR_MS / 2,
    lastRun: { kind: "due", state: "completed", missed: 0, error: null, landed: { sessionId: "ses_0", index: 0 } },
  });
  await bench.at(DAY_MS);
  await bench.finish("Rain.");
  const session = bench.sessions.held.get("ses_0");
  expect([session?.title, session?.turns.map(({ messages }) => messages)]).toEqual([
    "Morning",
    ["Nothing.", "Rain."].map((content) => [
      { role: "user", content: "What is on today?" },
      { role: "assistant", content },
    ]),
  ]);
  expect(bench.desk.runs(id, ANNS)?.map(({ state }) => state)).toEqual(["completed", "completed"]);
});

onBench("runs once for all the times that passed while nothing ran here", async (bench) => {
  const { id } = bench.add();
  bench.restart();
  await bench.at(3 * DAY_MS);
  expect(bench.runner.started).toHaveLength(1);
  expect(bench.view(id)).toMatchObject({
    lastRun: { kind: "missed", dueAtMs: START_MS + HOUR_MS / 2, missed: 2 },
    nextAtMs: START_MS + 3 * DAY_MS + HOUR_MS / 2,
  });
  await bench.finish();
  const often = bench.add({ cron: "*/15 * * * *" });
  await bench.at(60 * DAY_MS);
  expect(bench.view(often.id)?.lastRun?.missed).toBe(SCHEDULE_LIMITS.missedCounted);
});

onBench("has one run under way: times that pass meanwhile are counted, not made up for", async (bench) => {
  bench.runner.nobody = new PorchlightError("agent_offline");
  const { id } = bench.add({ cron: "0 * * * *" });
  for (let hour = 0; hour < 4; hour++) await bench.at(HOUR_MS);
  expect(bench.view(id)?.lastRun).toMatchObject({ state: "active", missed: 3 });
  expect(bench.desk.runs(id, ANNS)).toHaveLength(1);
  bench.runner.nobody = undefined;
  await bench.tick();
  await bench.finish();
  expect(bench.sessions.answers).toEqual(["done"]);
  // A machine that does not come for longer than a day is not waited for.
  bench.runner.nobody = new PorchlightError("agent_offline");
  await bench.at(HOUR_MS);
  await bench.at(25 * HOUR_MS);
  expect(bench.desk.runs(id, ANNS)?.map(({ state }) => state)).toEqual(["active", "expired", "completed"]);
});

onBench("runs once whatever happens while its permit is looked up", async (bench) => {
  const { id } = bench.add();
  const waiting = Promise.withResolvers<typeof bench.allowed>();
  bench.permit = () => waiting.promise;
  await bench.at(HOUR_MS);
  await bench.tick();
  expect(bench.desk.nextAtMs()).toBe(bench.nowMs + SCHEDULE_LIMITS.retryMs);
  bench.restart();
  await bench.tick();
  waiting.resolve(bench.allowed);
  await settled();
  expect(bench.runner.started).toHaveLength(1);
  expect(bench.desk.runs(id, ANNS)).toHaveLength(1);
  await bench.finish();
  bench.permit = async () => {
    await Promise.resolve();
    takeMade(bench.desk.change(id, ANNS, ANN, { paused: true }));
    return bench.allowed;
  };
  await bench.at(DAY_MS);
  expect(bench.runner.started).toHaveLength(1);
});

onBench("tries again when the database cannot be asked", async (bench) => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  bench.add();
  bench.permit = () => Promise.reject(new Error("as the test has it"));
  await bench.at(HOUR_MS);
  expect(errors).toHaveBeenCalledTimes(1);
  await bench.tick();
  expect(errors).toHaveBeenCalledTimes(1);
  expect(bench.desk.nextAtMs()).toBe(bench.nowMs + SCHEDULE_LIMITS.retryMs);
  bench.permit = () => Promise.resolve(bench.allowed);
  await bench.at(SCHEDULE_LIMITS.retryMs);
  expect(bench.runner.started).toHaveLength(1);
  errors.mockRestore();
});

onBench("ends with its person, and waits for them when its key is revoked", async (bench) => {
  const gone = bench.add();
  bench.permit = () => Promise.resolve("person_gone");
  await bench.at(HOUR_MS);
  expect(bench.view(gone.id)).toBeUndefined();
  bench.permit = () => Promise.resolve("key_revoked");
  const byKey = bench.add({}, { userId: "ann", keyId: "k1" });
  const other = bench.add({ title: "other" }, { userId: "ann", keyId: "k2" });
  const bens = bench.add({}, { userId: "ben", keyId: null });
  await bench.at(DAY_MS);
  expect(bench.view(byKey.id)).toMatchObject({ paused: "key_revoked", nextAtMs: null, timesMs: [] });
  bench.permit = () => Promise.resolve(bench.allowed);
  takeMade(bench.desk.change(byKey.id, ANNS, ANN, { paused: false }));
  expect(bench.view(byKey.id)).toMatchObject({ paused: null, keyId: null });
  bench.desk.callerGone("k2");
  expect([bench.view(other.id)?.paused, bench.view(byKey.id)?.paused]).toEqual(["key_revoked", null]);
  bench.desk.callerGone("ben");
  expect(bench.desk.list({ userId: "ben" })).toEqual([]);
  expect(bens.userId).toBe("ben");
  await bench.at(DAY_MS);
  bench.desk.callerGone("ann");
  expect([bench.desk.list(ANNS), bench.runner.cancelled]).toEqual([[], [bench.runner.last]]);
});

onBench("keeps to the models and the priority of its key", async (bench) => {
  const { id } = bench.add({}, { userId: "ann", keyId: "k1" });
  bench.permit = () => Promise.resolve({ ...bench.allowed, models: ["other*"], priority: "low" });
  await bench.at(HOUR_MS);
  expect(bench.view(id)?.lastRun).toMatchObject({ state: "failed", error: { code: "model_not_found" } });
  bench.permit = () => Promise.resolve({ ...bench.allowed, models: ["start*"], priority: "low" });
  await bench.at(DAY_MS);
  expect(bench.asked).toMatchObject({ priority: "low" });
  expect(bench.view(id)).toMatchObject({ failures: 1 });
  await bench.finish();
  expect(bench.view(id)).toMatchObject({ failures: 0 });
});

onBench("pauses after one failure behind the other, and goes on when its person says so", async (bench) => {
  const { id } = bench.add({ cron: "0 * * * *" });
  bench.runner.nobody = new PorchlightError("model_not_found");
  for (let hour = 0; hour < SCHEDULE_LIMITS.failuresInRow + 2; hour++) await bench.at(HOUR_MS);
  expect(bench.view(id)).toMatchObject({ paused: "failing", failures: SCHEDULE_LIMITS.failuresInRow });
  expect(bench.desk.change(id, ANNS, ANN, { paused: false })).toMatchObject({ error: { code: "model_not_found" } });
  expect(bench.desk.change(id, ANNS, ANN, { title: "x" })).toMatchObject({ error: { code: "model_not_found" } });
  expect(bench.desk.change(id, ANNS, ANN, { paused: true })).toMatchObject({ made: { paused: "failing" } });
  bench.runner.nobody = undefined;
  expect(takeMade(bench.desk.change(id, ANNS, ANN, { paused: false }))).toMatchObject({ paused: null, failures: 0 });
});

onBench("does not make up for what passed while it was paused, and runs when it is asked to", async (bench) => {
  const { id } = bench.add();
  takeMade(bench.desk.change(id, ANNS, ANN, { paused: true }));
  await bench.at(3 * DAY_MS);
  expect(bench.runner.started).toEqual([]);
  expect(bench.desk.nextAtMs()).toBeUndefined();
  expect(takeMade(await bench.desk.runNow(id, ANNS))).toMatchObject({
    paused: "person",
    lastRun: { kind: "now", state: "active" },
  });
  expect(await bench.desk.runNow(id, ANNS)).toMatchObject({ error: { code: "job_active" } });
  await bench.finish();
  expect(bench.sessions.answers).toEqual(["done"]);
  const resumed = takeMade(bench.desk.change(id, ANNS, ANN, { paused: false, title: "Early" }));
  expect(resumed).toMatchObject({ title: "Early", nextAtMs: START_MS + 3 * DAY_MS + HOUR_MS / 2 });
  // Another title is no other time.
  bench.nowMs += HOUR_MS;
  expect(takeMade(bench.desk.change(id, ANNS, ANN, { title: "Late" })).nextAtMs).toBe(resumed.nextAtMs);
  expect(takeMade(bench.desk.change(id, ANNS, ANN, { cron: "0 9 * * *" })).nextAtMs).not.toBe(resumed.nextAtMs);
});

onBench("sends answers to the webhook that it names, and to no other", async (bench) => {
  const { id: webhookId } = takeMade(bench.jobs.addReceiver("ann", "https://a.example/"));
  takeMade(bench.jobs.addReceiver("ann", "https://b.example/"));
  const schedule = bench.add({ toSession: false, webhookId });
  await bench.at(HOUR_MS);
  await bench.finish("x".repeat(SCHEDULE_LIMITS.webhookAnswerCharacters + 5));
  await settled();
  const told = bench.sent.filter(({ type }) => type.startsWith("schedule."));
  expect(told).toMatchObject([
    {
      type: "schedule.completed",
      data: {
        schedule: { id: schedule.id, title: "Morning" },
        dueAt: "2026-11-23T07:00:00.000Z",
        error: null,
        answer: "x".repeat(SCHEDULE_LIMITS.webhookAnswerCharacters),
      },
    },
  ]);
  expect(bench.sessions.answers).toEqual([]);
  bench.permit = () => Promise.resolve({ ...bench.allowed, models: [] });
  await bench.at(DAY_MS);
  const failure = bench.sent.findLast(({ type }) => type === "schedule.failed");
  expect(failure?.data).toMatchObject({ error: { code: "model_not_found" } });
  expect(failure?.data).not.toHaveProperty("answer");
});

onBench(
  "lands an answer once, however often that fails, and in a new session where the old one is gone",
  async (bench) => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { id } = bench.add();
    await bench.at(HOUR_MS);
    bench.sessions.broken = true;
    await bench.finish("first");
    expect(bench.view(id)?.lastRun).toMatchObject({ state: "completed", landed: null });
    expect(bench.desk.nextAtMs()).toBe(bench.nowMs + SCHEDULE_LIMITS.retryMs);
    await bench.at(SCHEDULE_LIMITS.retryMs);
    expect(errors).toHaveBeenCalledTimes(2);
    bench.restart();
    bench.sessions.broken = false;
    for (let life = 0; life < 2; life++) {
      await bench.tick();
      bench.restart();
    }
    expect(bench.sessions.answers).toEqual(["first"]);
    expect(bench.view(id)?.lastRun?.landed).toEqual({ sessionId: "ses_0", index: 0 });
    bench.sessions.held.clear();
    await bench.at(DAY_MS);
    await bench.finish("second");
    expect([...bench.sessions.held.keys()]).toEqual(["ses_1"]);
    expect(bench.sessions.answers).toEqual(["second"]);
    errors.mockRestore();
  },
);

onBench("goes on in another session when one is full, and gives up where an answer fits into none", async (bench) => {
  const { id } = bench.add();
  bench.sessions.room = 1;
  for (const answer of ["first", "second"]) {
    await bench.at(DAY_MS);
    await bench.finish(answer);
  }
  expect([...bench.sessions.held.values()].map(({ turns }) => turns.length)).toEqual([1, 1]);
  expect(bench.view(id)?.sessionId).toBe("ses_1");
  bench.sessions.room = 0;
  await bench.at(DAY_MS);
  await bench.finish("third");
  expect(bench.view(id)?.lastRun).toMatchObject({ state: "completed", landed: null });
  expect(bench.desk.nextAtMs()).toBe(bench.nowMs + HOUR_MS / 2);
});

onBench("is its person's alone; a program sees what its key made", async (bench) => {
  const mine = bench.add();
  const keys = bench.add({}, { userId: "ann", keyId: "k1" });
  expect(bench.desk.list({ userId: "ann", keyId: "k1" }).map(({ id }) => id)).toEqual([keys.id]);
  expect(bench.desk.list(ANNS).map(({ id }) => id)).toEqual([keys.id, mine.id]);
  const ben = { userId: "ben" };
  expect(bench.desk.schedule(mine.id, ben)).toBeUndefined();
  expect(bench.desk.runs(mine.id, ben)).toBeUndefined();
  expect(bench.desk.remove(mine.id, ben)).toBe(false);
  expect(bench.desk.change(mine.id, ben, ANN, { title: "his" })).toMatchObject({ error: { code: "not_found" } });
  expect(await bench.desk.runNow(mine.id, ben)).toMatchObject({ error: { code: "not_found" } });
  await bench.at(HOUR_MS);
  expect(bench.desk.remove(mine.id, ANNS)).toBe(true);
  expect(bench.desk.remove(mine.id, ANNS)).toBe(false);
  expect(bench.runner.cancelled).toHaveLength(1);
});

onBench("refuses what could never run or land, and too many", async (bench) => {
  const refused = (plan: object) => bench.desk.add(ANN, { ...PLAN, ...plan });
  expect(refused({ cron: "* * * * *" })).toMatchObject({ error: { param: "cron" } });
  expect(refused({ toSession: false })).toMatchObject({ error: { code: "invalid_request" } });
  expect(refused({ webhookId: "wh_none" })).toMatchObject({ error: { param: "webhookId" } });
  const { id: hers } = takeMade(bench.jobs.addReceiver("ben", "https://b.example/"));
  expect(refused({ webhookId: hers })).toMatchObject({ error: { param: "webhookId" } });
  expect(refused({ sessionId: "ses_none" })).toMatchObject({ error: { param: "sessionId" } });
  bench.runner.nobody = new PorchlightError("model_not_found");
  expect(refused({})).toMatchObject({ error: { code: "model_not_found" } });
  bench.runner.nobody = new PorchlightError("agent_offline");
  for (let i = 0; i < SCHEDULE_LIMITS.perPerson; i++) bench.add();
  expect(refused({})).toMatchObject({ error: { code: "too_many_schedules" } });
  expect(bench.desk.add({ userId: "ben", keyId: null }, PLAN)).toHaveProperty("made");
});

onBench("remembers the last runs only", async (bench) => {
  const { id } = bench.add({ cron: "0 * * * *" });
  for (let hour = 0; hour < SCHEDULE_LIMITS.runsKept + 5; hour++) {
    await bench.at(HOUR_MS);
    await bench.finish(`${hour}`);
  }
  expect(bench.desk.runs(id, ANNS)).toHaveLength(SCHEDULE_LIMITS.runsKept);
  expect(bench.sessions.answers).toHaveLength(SCHEDULE_LIMITS.runsKept + 5);
});

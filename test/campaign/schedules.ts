import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { type HomeStack, startHomeStack } from "../../node-agent/commands/home-stack.ts";
import { dataFolder } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { freePort } from "../support/stack.ts";

/**
 * A schedule by the real clock, through the whole product: it runs when it is due; then edge and agent are stopped, a time passes, and
 * after the next start it runs once for that. Half an hour at most, as schedules come every 15 minutes at most.
 */

const QUARTER_MS = 15 * 60_000;
const MARGIN_MS = 20_000;
const turn = z.object({ messages: z.array(z.object({ role: z.string(), content: z.string() })) });
const answers = {
  schedule: z.object({ id: z.string(), nextTimes: z.array(z.string()), sessionId: z.string().nullable() }),
  runs: z.object({
    runs: z.array(
      z.object({ kind: z.string(), state: z.string(), dueAt: z.string(), startedAt: z.string(), missed: z.number() }),
    ),
  }),
  turns: z.object({ turns: z.array(turn) }),
};

await buildEdgeIfNeeded();
const root = await mkdtemp(join(tmpdir(), "porchlight-schedules-"));
const folder = dataFolder(root);
const port = await freePort();
const open = async (): Promise<HomeStack> => await startHomeStack({ folder, port, localPort: 0, settings: {} });
let stack = await open();

async function ask<Schema extends z.ZodType>(schema: Schema, path: string, body?: object): Promise<z.output<Schema>> {
  const response = await fetch(stack.origin + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${stack.owner.apiKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return schema.parse(await response.json());
}

/** The runs, once the last of them has ended. */
async function ended(id: string, count: number) {
  for (let second = 0; second < 60; second++) {
    const { runs } = await ask(answers.runs, `/api/schedules/${id}/runs`);
    if (runs.length >= count && runs.every(({ state }) => state !== "active")) return runs;
    await wait(1000);
  }
  throw new Error(`There were not ${count} runs within a minute.`);
}

try {
  const { model } = stack;
  const plan = { prompt: "What can you do?", model, cron: "*/15 * * * *", timeZone: "Europe/Berlin" };
  const { id, nextTimes } = await ask(answers.schedule, "/api/schedules", plan);
  const dueMs = Date.parse(nextTimes[0] ?? "");
  console.log(`due at ${nextTimes[0] ?? ""}`);
  await wait(Math.max(0, dueMs - Date.now()));
  const [first] = await ended(id, 1);
  assert.deepEqual([first?.kind, first?.state, first?.missed], ["due", "completed", 0]);
  console.log(`began ${Date.parse(first?.startedAt ?? "") - dueMs} ms after that`);

  await stack.stop();
  await wait(Math.max(0, dueMs + QUARTER_MS - Date.now()) + MARGIN_MS);
  stack = await open();
  const [second, ...rest] = await ended(id, 2);
  assert.equal(rest.length, 1, "what passed is made up for once");
  assert.deepEqual([second?.state, Date.parse(second?.dueAt ?? "")], ["completed", dueMs + QUARTER_MS]);
  const { sessionId } = await ask(answers.schedule, `/api/schedules/${id}`);
  const { turns } = await ask(answers.turns, `/api/sessions/${sessionId ?? ""}/turns`);
  assert.equal(turns.length, 2, "each answer landed once");
  for (const { messages } of turns)
    assert.deepEqual(
      messages.map(({ role }) => role),
      ["user", "assistant"],
    );
  console.log("after the restart it ran once for the time that had passed, and both answers are in one conversation");
} finally {
  await stack.stop();
  await rm(root, { recursive: true, force: true });
}

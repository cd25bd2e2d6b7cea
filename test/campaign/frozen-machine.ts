import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { startStack } from "../support/stack.ts";

/**
 * A machine that falls asleep in the middle of everything: the agent's process is stopped (SIGSTOP), so that its connection stands and
 * nothing comes of it. `node test/campaign/frozen-machine.ts`: the edge must find out within 65 s although TCP does not, and the request
 * that was sent to the sleeper must be answered once it wakes.
 */
const stack = await startStack();
const headers = { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" };
const isOnline = async (): Promise<boolean> => {
  const { agents } = (await (await fetch(`${stack.origin}/api/agents`, { headers })).json()) as {
    agents: { online: boolean }[];
  }; // our own route, tested elsewhere
  return agents.some(({ online }) => online);
};
try {
  const pid = stack.stack.agent.pid;
  assert.ok(pid !== undefined && (await isOnline()));
  process.kill(pid, "SIGSTOP");
  const began = performance.now();
  const body = JSON.stringify({ model: "starter", messages: [{ role: "user", content: "Who are you?" }] });
  const answer = fetch(`${stack.origin}/v1/chat/completions`, { method: "POST", headers, body });
  while ((await isOnline()) && performance.now() - began < 90_000) await sleep(500);
  const foundMs = performance.now() - began;
  assert.ok(foundMs < 65_000, `found after ${foundMs} ms`);
  process.kill(pid, "SIGCONT");
  const { choices } = (await (await answer).json()) as { choices: { message: { content: string } }[] }; // as above
  assert.ok((choices[0]?.message.content.length ?? 0) > 0);
  const answeredMs = performance.now() - began - foundMs;
  console.log(
    `frozen-machine: found out after ${(foundMs / 1000).toFixed(1)} s, answered ${(answeredMs / 1000).toFixed(1)} s after it woke`,
  );
} finally {
  await stack.stop();
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { type EdgeDeath, SupervisedEdge } from "../../../node-agent/commands/supervised-edge.ts";
import { buildEdgeIfNeeded } from "../../../node-agent/edge/build.ts";
import { isAlive } from "../../../node-agent/process-alive.ts";
import { childrenOf } from "../../support/self-hosted.ts";

it("replaces a workerd that lives and does not answer, and leaves nothing of it behind", {
  timeout: 60_000,
}, async () => {
  await buildEdgeIfNeeded();
  const stateDir = await mkdtemp(join(tmpdir(), "porchlight-stuck-"));
  const origins: string[] = [];
  const deaths: EdgeDeath[] = [];
  const edge = new SupervisedEdge(
    { stateDir, port: 0, setupToken: "a".repeat(32), health: { everyMs: 50, patienceMs: 400 } },
    { onReady: ({ origin }) => origins.push(origin), onDeath: (death) => deaths.push(death) },
  );
  try {
    await edge.start();
    const [workerd] = edge.pid === undefined ? [] : await childrenOf(edge.pid);
    if (workerd === undefined) throw new Error("There is no workerd.");
    // A busy one, which answers late, is left alone.
    process.kill(workerd, "SIGSTOP");
    await sleep(500);
    process.kill(workerd, "SIGCONT");
    await sleep(300);
    expect(deaths).toEqual([]);
    process.kill(workerd, "SIGSTOP");
    await expect.poll(() => deaths, { timeout: 10_000 }).toHaveLength(1);
    expect(deaths[0]).toMatchObject({ reason: "workerd did not answer for 1.2 s", failures: 1, restartMs: 250 });
    await expect.poll(() => origins, { timeout: 20_000 }).toHaveLength(2);
    expect((await fetch(`${origins[1]}/healthz`)).status).toBe(200);
    await expect.poll(() => isAlive(workerd)).toBe(false);
    expect(deaths).toHaveLength(1);
  } finally {
    await edge.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
});

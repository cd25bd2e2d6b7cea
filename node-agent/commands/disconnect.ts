import { setTimeout as sleep } from "node:timers/promises";
import { PorchlightError } from "../../shared/errors.ts";
import { readAgentStatus } from "../agent/agent-status.ts";
import { dataFolder } from "../data-folder.ts";
import { forgetPairing, isPaired, loadIdentity } from "../link/identity.ts";
import { leave } from "../link/leave.ts";
import { isAlive } from "../process-alive.ts";
import { CommandError } from "./command-error.ts";
import { say, styled } from "./terminal.ts";

/** How long an agent that was asked to stop may take. */
const STOP_MS = 10_000;

/** `porchlight disconnect`: stops the agent, has the edge remove this machine, and forgets the pairing. The key stays. */
export async function disconnect(flags: { data?: string }): Promise<number> {
  const folder = dataFolder(flags.data);
  const identity = await loadIdentity(folder.remoteIdentity);
  if (!isPaired(identity)) throw new CommandError("not_ready", "This machine is not paired with an edge elsewhere.");
  const { origin } = identity.pairing;
  const running = await readAgentStatus(folder.remoteAgent, folder.localKey);
  if (running) await stop(running.pid);
  const removed = await leave(identity).then(
    () => true,
    (error: unknown) => explain(error, origin),
  );
  await forgetPairing(identity);
  say(`${styled("green", "✓")} ${removed ? `${origin} has removed this machine; the` : "The"} pairing is forgotten.`);
  return 0;
}

/** The process proved to be our agent by answering with our key. */
async function stop(pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  const deadlineMs = performance.now() + STOP_MS;
  while (isAlive(pid)) {
    if (performance.now() > deadlineMs) {
      throw new CommandError(
        "not_ready",
        `Process ${pid}, which serves the edge, does not stop. End it, then try again.`,
      );
    }
    await sleep(50);
  }
}

/** An edge that is gone or has forgotten this machine must not keep it paired; whatever else happened must be known. */
function explain(error: unknown, origin: string): false {
  if (!(error instanceof PorchlightError)) throw error;
  if (error.code !== "agent_unknown") {
    say(`${styled("yellow", "The edge was not told:")} ${error.message} Revoke the machine at ${origin}/agents.`);
  }
  return false;
}

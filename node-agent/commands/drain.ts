import { setTimeout as sleep } from "node:timers/promises";
import { type AgentStatus, changeMachine, readAgentStatus } from "../agent/agent-status.ts";
import { changed, type MachineChange, readMachineSettings, writeMachineSettings } from "../agent/machine-file.ts";
import { type DataFolder, dataFolder } from "../data-folder.ts";
import { interruption } from "./signals.ts";
import { say, styled } from "./terminal.ts";

const POLL_MS = 500;

export interface DrainFlags {
  data?: string;
  /** Whether to return only when nothing runs any more. */
  wait: boolean;
}

/** `porchlight drain`: the machine finishes what it is at and gets no new work, until `undrain`. */
export async function drain(flags: DrainFlags): Promise<number> {
  const folder = dataFolder(flags.data);
  const running = requestsOf(await decide(folder, { draining: true }));
  const rest =
    running === 0 ? "Nothing runs on it." : `${running} still running; 'porchlight status' says when none is.`;
  say(`${styled("green", "✓")} This machine is out of service. ${flags.wait ? "" : rest}`);
  if (!flags.wait || running === 0) return 0;
  const interrupted = interruption().then(() => true);
  for (let left = running; left > 0; left = requestsOf(await agentsOf(folder))) {
    if (await Promise.race([interrupted, sleep(POLL_MS, false)])) return 130;
  }
  say("Nothing runs on it any more.");
  return 0;
}

/** `porchlight undrain`: back in service. */
export async function undrain(flags: { data?: string }): Promise<number> {
  await decide(dataFolder(flags.data), { draining: false });
  say(`${styled("green", "✓")} This machine is in service.`);
  return 0;
}

/** Writes a decision about the machine down, and has the agents that run here take it up. Returns how they stand. */
export async function decide(folder: DataFolder, change: MachineChange): Promise<AgentStatus[]> {
  await writeMachineSettings(folder.machine, changed(await readMachineSettings(folder.machine), change));
  const agents = [folder.localAgent, folder.remoteAgent].map((file) => changeMachine(file, folder.localKey, change));
  return (await Promise.all(agents)).filter((agent) => agent !== undefined);
}

async function agentsOf(folder: DataFolder): Promise<AgentStatus[]> {
  const agents = [folder.localAgent, folder.remoteAgent].map((file) => readAgentStatus(file, folder.localKey));
  return (await Promise.all(agents)).filter((agent) => agent !== undefined);
}

function requestsOf(agents: readonly AgentStatus[]): number {
  return agents.reduce((sum, { load }) => sum + load.running + load.waiting, 0);
}

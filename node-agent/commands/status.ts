import { access } from "node:fs/promises";
import { type AgentStatus, readAgentStatus } from "../agent/agent-status.ts";
import { type MachineSettings, readMachineSettings } from "../agent/machine-file.ts";
import { type DataFolder, dataFolder } from "../data-folder.ts";
import { readEdgeRunning } from "../edge/edge-running.ts";
import { isPaired, loadIdentity } from "../link/identity.ts";
import { type ServiceState, serviceManager, serviceState } from "../service/service.ts";
import { duration } from "./duration.ts";
import { describeEdge } from "./edge-status.ts";
import { styled } from "./terminal.ts";

export interface StatusFlags {
  json: boolean;
  data?: string;
}

interface Role {
  /** Which edge: the one that `porchlight up` runs here, or the one of `porchlight connect`. */
  edge: "local" | "remote";
  pairedWith: string | null;
  /** Null while it is not running. */
  agent: AgentStatus | null;
}

/** `porchlight status`: what runs here, for whom, and how it stands. Exit code 0 when something is online, else 1. */
export async function status(flags: StatusFlags): Promise<number> {
  const folder = dataFolder(flags.data);
  const [roles, service, machine, running] = await Promise.all([
    rolesOf(folder),
    serviceState(serviceManager("agent")),
    readMachineSettings(folder.machine),
    readEdgeRunning(folder.edgeRunning),
  ]);
  const edge = running ?? null;
  const lines = () => [...(edge ? describeEdge(edge) : []), ...describe(roles, service, machine)];
  process.stdout.write(`${flags.json ? JSON.stringify({ roles, service, machine, edge }) : lines().join("\n")}\n`);
  const serves = edge?.alive === true && edge.state === "online";
  return serves || roles.some(({ agent }) => agent?.link.state === "online") ? 0 : 1;
}

async function rolesOf(folder: DataFolder): Promise<Role[]> {
  const places = [
    { edge: "local", identity: folder.localIdentity, running: folder.localAgent },
    { edge: "remote", identity: folder.remoteIdentity, running: folder.remoteAgent },
  ] as const;
  return await Promise.all(
    places.map(async ({ edge, identity, running }) => ({
      edge,
      pairedWith: await pairedWith(identity),
      agent: (await readAgentStatus(running, folder.localKey)) ?? null,
    })),
  );
}

/** The edge in an identity file, which is not made by this. */
async function pairedWith(file: string): Promise<string | null> {
  if (!(await exists(file))) return null;
  const identity = await loadIdentity(file);
  return isPaired(identity) ? identity.pairing.origin : null;
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

function describe(roles: Role[], service: ServiceState, { draining, wake }: MachineSettings): string[] {
  const lines = roles.flatMap((role) => describeRole(role));
  if (draining) lines.push(row("State", `${styled("yellow", "out of service")}. Bring it back: porchlight undrain`));
  if (wake) lines.push(row("Wake", "siblings may wake this machine over the network"));
  return [...lines, row("Service", service.sentence)];
}

function describeRole({ edge, pairedWith: origin, agent }: Role): string[] {
  const what = edge === "local" ? "Own edge" : "Edge";
  if (agent === null) {
    const start = edge === "local" ? "porchlight up" : "porchlight connect";
    if (origin !== null) return [row(what, `${origin}, ${styled("yellow", "not running")}. Start it: ${start}`)];
    return edge === "local" ? [] : [row(what, "not paired. Pair it: porchlight connect https://EDGE")];
  }
  const { link, models, speed, load, startedAt, pid, version, health } = agent;
  const state = link.state === "online" ? styled("green", "online") : styled("yellow", `${link.state}: ${link.reason}`);
  const names = models.map(({ name, loaded }) => (loaded ? `${name} (loaded)` : name));
  return [
    row(what, `${link.origin ?? origin ?? "none"}, ${state}`),
    row("Models", names.join(", ")),
    ...(health.ok ? [] : [row("Health", `${styled("yellow", "the last trial failed")}: ${health.reason ?? ""}`)]),
    row("Load", `${load.running} running, ${load.waiting} waiting`),
    ...(speed === null ? [] : [row("Speed", `${speed.tokensPerSecond} tokens/s with ${speed.model}`)]),
    row(
      "Up since",
      `${startedAt} (${duration(Date.now() - Date.parse(startedAt))}), process ${pid}, version ${version}`,
    ),
  ];
}

function row(label: string, text: string): string {
  return `${label.padEnd(10)}${text}`;
}

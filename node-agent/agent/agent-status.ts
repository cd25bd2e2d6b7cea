import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { healthSchema, speedSchema } from "../../shared/protocol/messages.ts";
import { writePrivateFile } from "../data-folder.ts";
import { isAlive } from "../process-alive.ts";
import { type MachineChange, machineSettingsSchema } from "./machine-file.ts";
import { type RunSettings, runSettingsSchema, type SettingsChange } from "./run-settings.ts";

/** What a running agent says of itself on loopback (`GET /api/status`, with the local key). */
export const agentStatusSchema = z.object({
  pid: z.number().int().positive(),
  version: z.string(),
  startedAt: z.iso.datetime(),
  link: z.object({
    state: z.enum(["starting", "offline", "online", "refused"]),
    /** The edge it serves; null before it was told to serve one. */
    origin: z.string().nullable(),
    reason: z.string(),
  }),
  models: z.array(z.object({ name: z.string(), loaded: z.boolean() })),
  speed: speedSchema.nullable(),
  load: z.object({ running: z.number().int(), waiting: z.number().int() }),
  settings: machineSettingsSchema,
  health: healthSchema,
});
export type AgentStatus = z.infer<typeof agentStatusSchema>;

const fileSchema = z.object({ pid: z.number().int().positive(), url: z.url() });

/** Writes down where this process's agent answers. */
export async function markAgent(file: string, url: string): Promise<void> {
  await writePrivateFile(file, `${JSON.stringify({ pid: process.pid, url })}\n`);
}

export async function unmarkAgent(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** The agent that runs on this folder, asked at its own API; undefined if none does. A leftover of a crash does not count. */
export async function readAgentStatus(file: string, localKeyFile: string): Promise<AgentStatus | undefined> {
  return await askAgent(file, localKeyFile, {});
}

/** Has the agent that runs on this folder take up what was decided about the machine. Undefined if none runs. */
export async function changeMachine(
  file: string,
  localKeyFile: string,
  change: MachineChange,
): Promise<AgentStatus | undefined> {
  return await askAgent(file, localKeyFile, { method: "PATCH", body: JSON.stringify(change) });
}

/**
 * Asks the agent that runs on this folder how it runs models, or has it change that. Undefined if none runs; throws an Error with the
 * agent's own sentence where it will not have it so.
 */
export async function agentSettings(
  file: string,
  localKeyFile: string,
  change?: SettingsChange,
): Promise<RunSettings | undefined> {
  const init = change === undefined ? {} : { method: "PATCH", body: JSON.stringify(change) };
  const answer = await request(file, localKeyFile, "/api/settings", init).catch(() => undefined);
  if (answer === undefined) return undefined;
  const { response } = answer;
  const body: unknown = await response.json();
  if (response.ok) return runSettingsSchema.parse(body);
  const failed = z.object({ error: z.object({ message: z.string() }) }).safeParse(body);
  throw new Error(failed.data?.error.message ?? `The agent answered ${response.status}.`);
}

async function askAgent(file: string, localKeyFile: string, init: RequestInit): Promise<AgentStatus | undefined> {
  try {
    const { pid, response } = await request(file, localKeyFile, "/api/status", init);
    const status = agentStatusSchema.parse(await response.json());
    return status.pid === pid ? status : undefined;
  } catch {
    return undefined; // No file, half a file, another program at that port: none of it is a running agent.
  }
}

/** Rejects where no agent answers. */
async function request(file: string, localKeyFile: string, path: string, init: RequestInit) {
  const { pid, url } = fileSchema.parse(JSON.parse(await readFile(file, "utf8")));
  if (!isAlive(pid)) throw new Error(`There is no process ${pid}.`);
  const key = (await readFile(localKeyFile, "utf8")).trim();
  const response = await fetch(`${url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(2_000),
  });
  return { pid, response };
}

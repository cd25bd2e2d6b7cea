import { z } from "zod";
import { quantizationSchema } from "../../shared/inference/model.ts";
import { keepAliveSchema } from "../../shared/inference/request.ts";
import { providerChoiceSchema } from "../runtime/providers.ts";

/** More than any home machine has. */
export const MAX_THREADS = 1024;

/** What its owner chose of how an agent runs models. */
export const agentSettingsSchema = z.object({
  /** A name or a folder; absent: the best that fits. */
  model: z.string().optional(),
  quantization: quantizationSchema.optional(),
  /** Absent: what suits the machine. */
  provider: providerChoiceSchema.optional(),
  /** Memory for all loaded models; absent: most of the machine's. */
  memoryBytes: z.number().int().positive().optional(),
  /** Tokens of one conversation, at most what the default model can take; others take what they can of it. Absent: all that there is memory for. */
  contextLength: z.number().int().positive().optional(),
  /** How long an idle model stays loaded; -1 is for ever. */
  keepAliveMs: keepAliveSchema.optional(),
  /** Disk space for keys and values of past conversations, for each model. Absent: they are not written down. */
  kvDiskBytes: z.number().int().positive().optional(),
  /** A smaller model, by name or folder, that guesses the default model's tokens ahead. */
  draft: z.string().optional(),
  /** Threads of each model; absent: the physical cores. */
  threads: z.number().int().min(1).max(MAX_THREADS).optional(),
  /** Idle time between trials of the default model, where it is tried at all; 0 or less: it is tried at the start alone. */
  canaryEveryMs: z.number().int().optional(),
});
export type AgentSettings = z.infer<typeof agentSettingsSchema>;

/** How an agent is run; everything it needs and nothing else. */
export const agentOptionsSchema = agentSettingsSchema.extend({
  identityFile: z.string(),
  localKeyFile: z.string(),
  modelsDir: z.string(),
  compiledDir: z.string(),
  /** What `porchlight set` chose, and when the settings here were given (Unix time in milliseconds): the later counts. */
  settingsFile: z.string().optional(),
  givenAtMs: z.number().optional(),
  /** Where to write down, while it runs, at which address it answers; absent: nowhere. */
  runningFile: z.string().optional(),
  /** Keeps what its owner decided about the machine (`machine-file.ts`); absent: nothing is kept. */
  machineFile: z.string().optional(),
  /** Keeps cold conversations and the key of their backup; absent: this machine keeps none. */
  archiveDir: z.string().optional(),
  /** Keeps packages of plugins that this machine has run; absent: it runs none. */
  pluginsDir: z.string().optional(),
  /** Names the servers of MCP that its owner put on this machine; absent: it has none. */
  mcpFile: z.string().optional(),
  /** Keeps what this machine trusts of its edge's market; absent: it asks none what was taken back. */
  marketFile: z.string().optional(),
  /** Whether to try the default model once it is loaded and now and then after, and time it. */
  canary: z.boolean().optional(),
  /** Port of the local API on loopback; 0 for any free one. */
  localPort: z.number().int().min(0).max(65_535),
  agentVersion: z.string(),
});
export type AgentOptions = z.infer<typeof agentOptionsSchema>;

/** From the supervisor to the agent's process. */
export const toAgentSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), options: agentOptionsSchema }),
  /** Dial this edge; `enrolUrl` pairs first. */
  z.object({ type: z.literal("dial"), origin: z.url(), enrolUrl: z.url().optional() }),
  z.object({ type: z.literal("stop") }),
]);
export type ToAgent = z.infer<typeof toAgentSchema>;

/** From the agent's process to its supervisor. */
export const fromAgentSchema = z.discriminatedUnion("type", [
  /** Waits for `start`. */
  z.object({ type: z.literal("up") }),
  z.object({ type: z.literal("started"), paired: z.boolean(), localUrl: z.string(), model: z.string() }),
  z.object({ type: z.literal("link"), state: z.enum(["offline", "online", "refused"]), reason: z.string() }),
  /** A model is being made ready; 1 is ready. */
  z.object({ type: z.literal("loading"), model: z.string(), fraction: z.number().min(0).max(1) }),
  z.object({ type: z.literal("failed"), code: z.string(), message: z.string() }),
]);
export type FromAgent = z.infer<typeof fromAgentSchema>;

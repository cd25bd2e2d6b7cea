import { z } from "zod";
import { modelInfoSchema } from "../inference/model.ts";

/** Runs that one agent keeps at most: with the longest ids, as many as one control message holds. */
export const MAX_KEPT_RUNS = 256;

const requestId = z.string().min(1).max(128);
/** A line of an answer: how many numbered lines are before it. */
const lineNumber = z.number().int().nonnegative();

/** What an opener says of its stream. The body (one canonical request of that kind as JSON) follows as DATA, then END. */
export const streamHeaderSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("generate"),
    requestId,
    /** Number of its first line: more than 0 where an answer that was begun elsewhere goes on. With the feature `runs`. */
    first: lineNumber.optional(),
  }),
  /** Only to an agent whose status lists a model with this task. */
  z.object({ kind: z.literal("embed"), requestId }),
  /** The lines of a run that the agent keeps, from that number on. No body. With the feature `runs`. */
  z.object({ kind: z.literal("resume"), requestId, from: lineNumber }),
  /** A request to the machine's archive of conversations (shared/archive). With the feature `archive`. */
  z.object({ kind: z.literal("archive"), requestId }),
  /** A call of a plugin's tool, in lines of both sides (shared/plugin/stream-lines.ts). With the feature `plugins`. */
  z.object({ kind: z.literal("plugin"), requestId }),
  /** What a server of MCP on the machine offers, or a call of it, in lines (shared/mcp/mcp-lines.ts). With the feature `mcp`. */
  z.object({ kind: z.literal("mcp"), requestId }),
]);
export type StreamHeader = z.infer<typeof streamHeaderSchema>;

export const machineSchema = z.object({
  name: z.string().min(1).max(128),
  os: z.string().max(64),
  arch: z.string().max(32),
  cpu: z.string().max(128),
  cores: z.number().int().positive(),
  memoryBytes: z.number().int().positive(),
});
export type Machine = z.infer<typeof machineSchema>;

/** How fast the machine's default model answered when it was tried. */
export const speedSchema = z.object({
  model: z.string().min(1).max(256),
  tokensPerSecond: z.number().positive().max(1e6),
});
export type Speed = z.infer<typeof speedSchema>;

/** Whether a model answered when it was last tried. */
export const healthSchema = z.object({
  ok: z.boolean(),
  /** Unix time in milliseconds, by the agent's clock. */
  checkedAt: z.number().int().nonnegative(),
  /** Why not. */
  reason: z.string().max(512).optional(),
});
export type Health = z.infer<typeof healthSchema>;

/** What wakes a machine: the address of a network card, which is no group's and not empty, and the network it is on. */
export const wakeTargetSchema = z.object({
  mac: z
    .string()
    .regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/)
    .refine((mac) => mac !== "00:00:00:00:00:00" && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0),
  network: z.cidrv4(),
});
export type WakeTarget = z.infer<typeof wakeTargetSchema>;
const wakeTargetsSchema = z.array(wakeTargetSchema).min(1).max(8);

/** What the agent announces after `welcome` and whenever it changes. */
export const statusMessageSchema = z.object({
  type: z.literal("status"),
  agentVersion: z.string().max(64),
  machine: machineSchema,
  models: z.array(modelInfoSchema).max(1000),
  /** Absent until it was measured. */
  speed: speedSchema.optional(),
  /** Requests that a model answers at once; more wait on the machine. */
  slots: z.number().int().positive().max(1024).optional(),
  /** Requests that others than this edge have it answer. */
  otherRequests: z.number().int().nonnegative().max(1e6).optional(),
  /** Its owner takes it out of service: it finishes what runs and takes no new work. */
  draining: z.boolean().optional(),
  /** An agent that says this takes the control messages `check`, `drain` and `wake`. */
  health: healthSchema.optional(),
  /** Only where its owner allowed it: how a sibling wakes this machine. Such an agent wakes others, too. */
  wake: wakeTargetsSchema.optional(),
});
export type StatusMessage = z.infer<typeof statusMessageSchema>;

/** From the edge: try a model now, and announce how that went. */
const checkMessageSchema = z.object({ type: z.literal("check") });

/** From the edge: go out of service, or come back. The agent keeps it over restarts, and announces it. */
const drainMessageSchema = z.object({ type: z.literal("drain"), draining: z.boolean() });

/** From the edge: wake a sibling, by a magic packet on those of the agent's networks that are named. */
const wakeMessageSchema = z.object({ type: z.literal("wake"), targets: wakeTargetsSchema });

/** A run that an agent keeps: its lines from `first` on, of which `next` would be the next. */
export const keptRunSchema = z.object({ id: requestId, first: lineNumber, next: lineNumber, ended: z.boolean() });
export type KeptRun = z.infer<typeof keptRunSchema>;

/** From the agent, right after its first status, where both sides know `runs`: all runs that it has. Any other is lost there. */
const runsMessageSchema = z.object({ type: z.literal("runs"), runs: z.array(keptRunSchema).max(MAX_KEPT_RUNS) });

/** From the edge: the lines below `next` are safe with it. */
const ackMessageSchema = z.object({ type: z.literal("ack"), run: requestId, next: lineNumber });

/** From the edge: nobody wants that run. */
const cancelMessageSchema = z.object({ type: z.literal("cancel"), run: requestId });

/** Messages on stream 0 once the handshake is done. */
export const controlMessageSchema = z.discriminatedUnion("type", [
  statusMessageSchema,
  checkMessageSchema,
  drainMessageSchema,
  wakeMessageSchema,
  runsMessageSchema,
  ackMessageSchema,
  cancelMessageSchema,
]);
export type ControlMessage = z.infer<typeof controlMessageSchema>;

import { z } from "zod";
import { modelInfoSchema } from "../inference/model.ts";

const requestId = z.string().min(1).max(128);

/** What an opener says of its stream. The body (one canonical request of that kind as JSON) follows as DATA, then END. */
export const streamHeaderSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("generate"), requestId }),
  /** Only to an agent whose status lists a model with this task. */
  z.object({ kind: z.literal("embed"), requestId }),
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

/** What the agent announces after `welcome` and whenever it changes. */
export const statusMessageSchema = z.object({
  type: z.literal("status"),
  agentVersion: z.string().max(64),
  machine: machineSchema,
  models: z.array(modelInfoSchema).max(1000),
  /** Absent until it was measured. */
  speed: speedSchema.optional(),
});
export type StatusMessage = z.infer<typeof statusMessageSchema>;

/** Messages on stream 0 once the handshake is done. */
export const controlMessageSchema = z.discriminatedUnion("type", [statusMessageSchema]);
export type ControlMessage = z.infer<typeof controlMessageSchema>;

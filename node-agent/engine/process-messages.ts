import { z } from "zod";
import { wireErrorSchema } from "../../shared/errors.ts";
import { embedRequestSchema } from "../../shared/inference/embed.ts";
import { generateEventSchema } from "../../shared/inference/event.ts";
import { generateRequestSchema } from "../../shared/inference/request.ts";
import { executionSchema } from "../runtime/providers.ts";
import { loadOptionsSchema } from "./load-runner.ts";
import { schedulerStatsSchema } from "./scheduler-stats.ts";

/** Chosen by the parent, unique within one process's life. */
const requestId = z.number().int().nonnegative();

/** From the parent to a model's process. `load` comes first and once; requests follow `ready`. */
export const toModelSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("load"), options: loadOptionsSchema }),
  z.object({ type: z.literal("generate"), id: requestId, request: generateRequestSchema }),
  z.object({ type: z.literal("embed"), id: requestId, request: embedRequestSchema }),
  /** No further event or answer of this request comes. An id that is not running is fine. */
  z.object({ type: z.literal("cancel"), id: requestId }),
  z.object({ type: z.literal("stats"), id: requestId }),
  /** Give back the memory that no running request needs. */
  z.object({ type: z.literal("reclaim") }),
  /** Write down what may be kept, and end. */
  z.object({ type: z.literal("unload") }),
]);
export type ToModel = z.infer<typeof toModelSchema>;

/** From a model's process to its parent. */
export const fromModelSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loading"), fraction: z.number().min(0).max(1) }),
  z.object({ type: z.literal("ready"), execution: executionSchema }),
  /** Loading failed; the process is of no more use. */
  z.object({ type: z.literal("failed"), error: wireErrorSchema }),
  /** What happened during one turn of the event loop, in order. */
  z.object({
    type: z.literal("events"),
    events: z.array(z.object({ id: requestId, event: generateEventSchema })),
  }),
  z.object({ type: z.literal("stats"), id: requestId, stats: schedulerStatsSchema }),
  /** Resident memory, now and then. */
  z.object({ type: z.literal("memory"), bytes: z.number().int().nonnegative() }),
  z.object({
    type: z.literal("embedded"),
    id: requestId,
    /** All vectors one after the other: one array crosses the channel as it is, thousands do not. */
    values: z.instanceof(Float32Array),
    dimensions: z.number().int().positive(),
    promptTokens: z.number().int().nonnegative(),
  }),
  z.object({ type: z.literal("embed_failed"), id: requestId, error: wireErrorSchema }),
]);
export type FromModel = z.infer<typeof fromModelSchema>;

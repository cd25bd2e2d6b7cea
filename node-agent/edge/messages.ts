import { z } from "zod";

/** From the supervisor to the edge's process. */
export const toEdgeSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("start"),
    options: z.object({
      /** Where D1, Durable Objects and R2 are kept between runs. */
      stateDir: z.string(),
      /** 0 for any that is free. */
      port: z.number().int().min(0).max(65_535),
      /** Lets the holder make the first account (POST /api/setup). */
      setupToken: z.string(),
      /** Name of the header in which the front says a visitor's address; absent where there is no front, and no visitor has one. */
      visitorHeader: z.string().optional(),
      /** The origin people and machines reach it at, where that is not this machine's loopback. */
      publicOrigin: z.string().optional(),
      /** When a workerd that does not answer counts as stuck; see watch-health.ts. */
      health: z.object({ everyMs: z.number().positive(), patienceMs: z.number().positive() }).optional(),
    }),
  }),
  /** It is to stop soon: machines get nothing new. */
  z.object({ type: z.literal("goAway") }),
  z.object({ type: z.literal("stop") }),
]);
export type ToEdge = z.infer<typeof toEdgeSchema>;
export type EmbeddedEdgeOptions = Extract<ToEdge, { type: "start" }>["options"];

/** From the edge's process to its supervisor. */
export const fromEdgeSchema = z.discriminatedUnion("type", [
  /** Waits for `start`. */
  z.object({ type: z.literal("up") }),
  z.object({ type: z.literal("ready"), origin: z.url(), hasOwner: z.boolean() }),
  /** It ran, and ends now; the message says how that came. */
  z.object({ type: z.literal("crashed"), message: z.string() }),
  z.object({ type: z.literal("failed"), code: z.enum(["port_taken", "not_ready"]), message: z.string() }),
]);
export type FromEdge = z.infer<typeof fromEdgeSchema>;

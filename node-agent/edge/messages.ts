import { z } from "zod";

/** From the supervisor to the edge's process. */
export const toEdgeSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("start"),
    options: z.object({
      /** Where D1, Durable Objects and R2 are kept between runs. */
      stateDir: z.string(),
      port: z.number().int().min(1).max(65_535),
      /** Lets the holder make the first account (POST /api/setup). */
      setupToken: z.string(),
    }),
  }),
  z.object({ type: z.literal("stop") }),
]);
export type EmbeddedEdgeOptions = Extract<z.infer<typeof toEdgeSchema>, { type: "start" }>["options"];

/** From the edge's process to its supervisor. */
export const fromEdgeSchema = z.discriminatedUnion("type", [
  /** Waits for `start`. */
  z.object({ type: z.literal("up") }),
  z.object({ type: z.literal("ready"), origin: z.url() }),
  z.object({ type: z.literal("failed"), code: z.enum(["port_taken", "not_ready"]), message: z.string() }),
]);
export type FromEdge = z.infer<typeof fromEdgeSchema>;

import { z } from "zod";
import { wireErrorSchema } from "../errors.ts";
import { type Message, messageSchema } from "../inference/request.ts";
import { SESSION_LIMITS } from "./limits.ts";

const beginsWithUser = (messages: readonly Message[]): boolean => messages[0]?.role === "user";

/** `answering`: its end is yet to come. Any other state is the last one. */
export const turnStateSchema = z.enum(["answering", "complete", "cancelled", "failed"]);
export type TurnState = z.infer<typeof turnStateSchema>;

export const turnUsageSchema = z.object({
  promptTokens: z.number().int().nonnegative(),
  completionTokens: z.number().int().nonnegative(),
  reasoningTokens: z.number().int().nonnegative().optional(),
  cachedTokens: z.number().int().nonnegative().optional(),
});
export type TurnUsage = z.infer<typeof turnUsageSchema>;

/** What a turn is made of, before it has its place in a session. */
export const newTurnSchema = z.object({
  /** Unix milliseconds. */
  createdAtMs: z.number().int().nonnegative(),
  /** What a person said and all that answers it: assistant, tools, assistant... */
  messages: z
    .array(messageSchema)
    .min(1)
    .max(SESSION_LIMITS.messagesPerTurn)
    .refine(beginsWithUser, "must begin with a message of the user"),
  /** Empty where it is not known, as in an import. */
  model: z.string().max(256),
  state: turnStateSchema,
  usage: turnUsageSchema.optional(),
  /** Why it failed. */
  error: wireErrorSchema.optional(),
  /** The generation that answers it. */
  runId: z.string().max(256).optional(),
  /** What was sent to the model, for people who want to know. */
  trace: z.record(z.string(), z.unknown()).optional(),
});
export type NewTurn = z.infer<typeof newTurnSchema>;

/** A turn in its session, counted from 0. Once it has ended it never changes; the last one may be replaced by another. */
export const turnSchema = newTurnSchema.extend({ index: z.number().int().nonnegative() });
export type Turn = z.infer<typeof turnSchema>;

import { z } from "zod";
import { asideTraceSchema } from "../../plugins/asides/trace.ts";
import { toolTraceSchema } from "../../plugins/loop/trace.ts";

const pieceSchema = z.object({ index: z.number().int(), score: z.number(), text: z.string() });

/** What was sent to the model for a turn, and why: for whoever wants to know, and for sending less of it. */
export const traceSchema = z.object({
  contextLength: z.number().int(),
  /** Tokens of the prompt: estimated here; what the machine counted is the turn's usage. */
  estimatedTokens: z.number().int(),
  window: z.object({
    /** Turns that were to go along, as somebody set them, and as many as the model's context makes of them. */
    set: z.number().int(),
    turns: z.number().int(),
    /** The turns that went along as they are: each of `from` to before `to` but those without an answer. */
    from: z.number().int(),
    to: z.number().int(),
    /** Turns that had no room. */
    withoutRoom: z.number().int(),
  }),
  summary: z.object({ text: z.string(), upTo: z.number().int() }).nullable(),
  retrieval: z.object({
    decision: z.enum(["needed", "not_needed", "off"]),
    coverage: z.object({ older: z.number(), window: z.number() }),
    pieces: z.array(pieceSchema),
  }),
  instructions: z.string(),
  /** Remembered facts that went along. */
  facts: z.string(),
  /** What this message asked to have remembered. */
  remembered: z.string().nullable(),
  /** How often the machine found it too long. */
  shortened: z.number().int(),
  /** What the model could call, and what it did; absent where it could call nothing. */
  tools: toolTraceSchema.optional(),
  /** Whether what strangers wrote is in the conversation by now: tools that write then ask the person. */
  tainted: z.boolean().optional(),
  /** Strangers wrote what was asked: an inbound webhook's message. */
  fromStrangers: z.boolean().optional(),
  /** What plugins were asked before the answer: hooks, knowledge. */
  asides: z.array(asideTraceSchema).optional(),
});
export type Trace = z.infer<typeof traceSchema>;

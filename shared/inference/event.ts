import { z } from "zod";
import { wireErrorSchema } from "../errors.ts";
import { tokenIdSchema, tokenLogprobSchema } from "./output-format.ts";
import { toolCallSchema } from "./request.ts";

/** When asked for: the tokens sampled since the last event that carried some, in order. Their bytes may run ahead of the event's text. */
const tokens = z.array(tokenIdSchema).optional();

const count = z.number().int().nonnegative();

/** Where a result comes from, in words for people and the model. */
const sourceName = z.string().max(400);

/** What happens around the tools that the edge itself calls: see `plugin` in `generateEventSchema`. */
export const pluginStepSchema = z.discriminatedUnion("step", [
  /** The model asks for a call; `round` counts from 0. */
  z.object({ step: z.literal("call"), round: count, call: toolCallSchema, tokens }),
  /** What one round took. */
  z.object({
    step: z.literal("usage"),
    round: count,
    promptTokens: count,
    completionTokens: count,
    reasoningTokens: count.optional(),
    cachedTokens: count.optional(),
    promptMs: z.number().nonnegative().optional(),
    completionMs: z.number().nonnegative().optional(),
  }),
  /** A round has ended, and its calls are made. */
  z.object({ step: z.literal("round"), round: count }),
  /** A call waits for the person's word. */
  z.object({
    step: z.literal("approval"),
    round: count,
    callId: z.string(),
    approval: z.string(),
    hash: z.string(),
    tool: z.string(),
    source: sourceName,
    /** JSON of exactly what is sent if the person allows it: see shown-arguments.ts. */
    arguments: z.string(),
    /** Unix milliseconds. */
    deadlineMs: z.number().int(),
  }),
  /** What the model is told of a call. */
  z.object({
    step: z.literal("result"),
    round: count,
    callId: z.string(),
    tool: z.string(),
    ok: z.boolean(),
    content: z.string(),
    /** By which number the answer cites it; absent of what came to nothing. */
    source: z.object({ number: z.number().int().positive(), name: sourceName }).optional(),
    /** Whether it was longer than what the model is told. */
    cut: z.boolean().optional(),
    /** Whether it may hold what strangers wrote. */
    taints: z.boolean().optional(),
    /** Why it came to nothing. */
    error: z.string().optional(),
    /** The call's record. */
    record: z.string().optional(),
    ms: count.optional(),
  }),
]);
export type PluginStep = z.infer<typeof pluginStepSchema>;

/**
 * What a generation yields, in this order: any number of `progress`; then `reasoning`; then `text` and `tool_call` as they come; then
 * one `usage` and one `finish`. Where the edge calls tools itself, `plugin` steps and more of all that come between. An `error` may come at any point and is the last event. Exactly one of `finish` and `error` ends a
 * stream.
 */
export const generateEventSchema = z.discriminatedUnion("type", [
  /** Still alive, nothing generated yet. `fraction` in [0, 1] when it is known. */
  z.object({
    type: z.literal("progress"),
    stage: z.enum(["queued", "loading", "prefill"]),
    fraction: z.number().min(0).max(1).optional(),
    /** While queued for memory that other models hold: the place in line, from 1 on. */
    place: z.number().int().positive().optional(),
    /** Tokens of the prompt, once they are counted. */
    promptTokens: z.number().int().nonnegative().optional(),
  }),
  /** A piece of what a reasoning model thinks before it answers, without the marks around it. */
  z.object({ type: z.literal("reasoning"), text: z.string().min(1), tokens }),
  /** A piece of output text: whole Unicode characters, never empty. */
  z.object({
    type: z.literal("text"),
    text: z.string().min(1),
    /** When asked for: the tokens that ended since the last text, in order. Their bytes may run ahead of `text`. */
    logprobs: z.array(tokenLogprobSchema).optional(),
    tokens,
  }),
  /** A whole tool call; `index` counts from 0 within this answer. */
  z.object({ type: z.literal("tool_call"), index: z.number().int().nonnegative(), call: toolCallSchema, tokens }),
  z.object({
    type: z.literal("usage"),
    promptTokens: z.number().int().nonnegative(),
    completionTokens: z.number().int().nonnegative(),
    /** How many of these were thoughts; absent where the model does not think. */
    reasoningTokens: z.number().int().nonnegative().optional(),
    /** How many of the prompt's tokens were not computed again. */
    cachedTokens: z.number().int().nonnegative().optional(),
    /** Of a request that was only counted: nobody pays for it. */
    countOnly: z.boolean().optional(),
    /** Milliseconds from the model's taking of the request to the first token, and from there to the end. */
    promptMs: z.number().nonnegative().optional(),
    completionMs: z.number().nonnegative().optional(),
  }),
  z.object({
    type: z.literal("finish"),
    reason: z.enum(["stop", "length", "tool_calls"]),
    /** The request's stop string that ended the answer, if one did. */
    stopString: z.string().optional(),
  }),
  /** The edge's own: no machine says this. */
  z.object({ type: z.literal("plugin"), plugin: pluginStepSchema }),
  z.object({ type: z.literal("error"), error: wireErrorSchema }),
]);
export type GenerateEvent = z.infer<typeof generateEventSchema>;

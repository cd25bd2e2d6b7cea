import { z } from "zod";
import {
  logitBiasSchema,
  MAX_TOP_LOGPROBS,
  responseFormatSchema,
  tokenIdSchema,
  toolChoiceSchema,
} from "./output-format.ts";
import { pluginUseSchema } from "./plugin-use.ts";

/** A JSON Schema object, passed to the model's chat template as it is. */
const jsonSchemaObject = z.record(z.string(), z.unknown());

export const toolSchema = z.object({
  name: z.string().regex(/^[a-zA-Z0-9_.-]{1,64}$/),
  description: z.string().max(65_536).optional(),
  /** JSON Schema of the arguments, an object schema. */
  parameters: jsonSchemaObject.optional(),
  /** Whether a schema that arguments cannot be held to is refused; otherwise they are then held to being an object. */
  strict: z.boolean().optional(),
});
export type Tool = z.infer<typeof toolSchema>;

export const toolCallSchema = z.object({
  id: z.string().min(1).max(128),
  name: z.string().min(1).max(128),
  /** The arguments as JSON text, the way the model wrote them. */
  arguments: z.string(),
});
export type ToolCall = z.infer<typeof toolCallSchema>;

export const messageSchema = z.discriminatedUnion("role", [
  z.object({ role: z.literal("system"), content: z.string() }),
  z.object({ role: z.literal("user"), content: z.string() }),
  z.object({
    role: z.literal("assistant"),
    content: z.string(),
    /** What it thought before it answered; the model's template decides whether it sees that again. */
    reasoning: z.string().optional(),
    toolCalls: z.array(toolCallSchema).max(128).optional(),
  }),
  z.object({ role: z.literal("tool"), toolCallId: z.string().max(128), content: z.string() }),
]);
export type Message = z.infer<typeof messageSchema>;

/** Sampling parameters; an absent one takes the model's default (generation_config.json), then the neutral value. */
export const samplingSchema = z.object({
  /** 0 is greedy. */
  temperature: z.number().min(0).max(2).optional(),
  /** 0 turns it off. */
  topK: z.number().int().min(0).max(100_000).optional(),
  topP: z.number().gt(0).max(1).optional(),
  minP: z.number().min(0).max(1).optional(),
  /** Multiplicative (CTRL, arXiv:1909.05858), over prompt and output; 1 is neutral. */
  repetitionPenalty: z.number().gt(0).max(10).optional(),
  /** Additive per occurrence in the output (OpenAI's definition). */
  frequencyPenalty: z.number().min(-2).max(2).optional(),
  /** Additive once if it occurs in the output (OpenAI's definition). */
  presencePenalty: z.number().min(-2).max(2).optional(),
  seed: z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).optional(),
});
export type Sampling = z.infer<typeof samplingSchema>;

/** Share of a busy machine: one of high priority waits less, and one of low priority still gets its turn. */
export const prioritySchema = z.enum(["low", "normal", "high"]);
export type Priority = z.infer<typeof prioritySchema>;

/** Milliseconds; -1 is for ever. A timer waits for 24 days at most. */
export const keepAliveSchema = z
  .number()
  .int()
  .min(-1)
  .max(2 ** 31 - 1);

/**
 * An answer that was begun elsewhere: it goes on behind `tokens` as if they had been sampled here, and what was delivered already does
 * not come again. Greedy and seeded answers then go on as they would have undisturbed.
 */
export const resumeSchema = z.object({
  /** All that the events so far carried, in order; see `tokenIds`. */
  tokens: z.array(tokenIdSchema).max(262_144),
  /** What is left out, from the answer's start: text in UTF-16 units (`length`), and whole calls. */
  skip: z.object({
    characters: z.number().int().nonnegative(),
    toolCalls: z.number().int().nonnegative(),
    /** Of thoughts, in UTF-16 units. */
    reasoningCharacters: z.number().int().nonnegative().optional(),
  }),
});
export type Resume = z.infer<typeof resumeSchema>;

/** How much a reasoning model thinks before it answers. */
export const reasoningSchema = z.object({
  /** Refused as true by a model that does not think. Absent: as the model does by itself. */
  enabled: z.boolean().optional(),
  /** Most tokens of thoughts: then they are closed, and the answer begins. */
  maxTokens: z.number().int().nonnegative().max(1_000_000).optional(),
});
export type Reasoning = z.infer<typeof reasoningSchema>;

/** The canonical request: every dialect is translated to it at the door, on either side, and every engine takes it. */
export const generateRequestSchema = z
  .object({
    model: z.string().min(1).max(256),
    /** Empty only where there is a `prompt`. */
    messages: z.array(messageSchema).max(2048),
    /** Text that the model continues as it is: without its template, with control tokens where it spells them. */
    prompt: z.string().min(1).optional(),
    tools: z.array(toolSchema).max(128).optional(),
    toolChoice: toolChoiceSchema.optional(),
    /** Whether an answer may hold several tool calls; absent means yes. */
    parallelToolCalls: z.boolean().optional(),
    /** Absent means text. */
    responseFormat: responseFormatSchema.optional(),
    reasoning: reasoningSchema.optional(),
    sampling: samplingSchema,
    logitBias: logitBiasSchema.optional(),
    /** How many likely tokens to tell of beside each one of the answer; absent: no probabilities at all. */
    topLogprobs: z.number().int().min(0).max(MAX_TOP_LOGPROBS).optional(),
    /** Whether to count the prompt's tokens and generate nothing: the answer is `usage` and `finish`. */
    countOnly: z.boolean().optional(),
    /** Most tokens to generate; absent means the model's default, at most what the context leaves. */
    maxTokens: z.number().int().min(1).max(1_000_000).optional(),
    /** Generation ends before the first of these; they are not part of the output. */
    stop: z.array(z.string().min(1).max(256)).max(32).optional(),
    /** Who asks, such as an API key's id: a busy machine is shared fairly between callers. */
    caller: z.string().max(128).optional(),
    priority: prioritySchema.optional(),
    /** How long the model stays loaded after this request, in milliseconds: 0 not at all, -1 for ever. Absent: the machine's setting. */
    keepAliveMs: keepAliveSchema.optional(),
    /** Whether events carry the ids of the answer's tokens: what `resume` wants, should the answer break off. */
    tokenIds: z.boolean().optional(),
    resume: resumeSchema.optional(),
    /** Whose tools the edge calls itself: no machine sees this. */
    plugins: z.array(pluginUseSchema).max(128).optional(),
  })
  .refine(({ messages, prompt }) => messages.length > 0 !== (prompt !== undefined), {
    path: ["messages"],
    error: "must be there, or a prompt in their place",
  });
export type GenerateRequest = z.infer<typeof generateRequestSchema>;

import { z } from "zod";

/** Characters of a pattern, a grammar or one choice: far above what is in use, and what compiles them has limits of its own. */
const source = z.string().min(1).max(65_536);

/** What the answer's text must be. Held to token by token: an answer that ends by itself is always of this form. */
export const responseFormatSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  /** Any JSON object. */
  z.object({ type: z.literal("json") }),
  /** JSON that is valid against a JSON Schema (drafts 4 to 2020-12). */
  z.object({
    type: z.literal("json_schema"),
    schema: z.union([z.boolean(), z.record(z.string(), z.unknown())]),
  }),
  /** Text that an ECMAScript regular expression matches as a whole. */
  z.object({ type: z.literal("regex"), pattern: source }),
  /** Text of a grammar in GBNF, llama.cpp's notation. */
  z.object({ type: z.literal("grammar"), grammar: source }),
  /** One of some texts. */
  z.object({ type: z.literal("choice"), choices: z.array(z.string().max(8192)).min(1).max(1024) }),
]);
export type ResponseFormat = z.infer<typeof responseFormatSchema>;

/** Whether the model may, must or must not call tools, or the one tool it must call. Absent: it may. */
export const toolChoiceSchema = z.union([
  z.enum(["none", "auto", "required"]),
  z.object({ name: z.string().min(1).max(128) }),
]);
export type ToolChoice = z.infer<typeof toolChoiceSchema>;

/** A token of a model's vocabulary. */
export const tokenIdSchema = z.number().int().nonnegative().max(9_999_999);

/** Added to tokens' logits, by token id; -100 bans a token for all practical purposes. */
export const logitBiasSchema = z
  .record(z.string().regex(/^\d{1,7}$/u, "expected token ids as keys"), z.number().min(-100).max(100))
  .refine((bias) => Object.keys(bias).length <= 1024, "at most 1024 tokens can be biased");

export const MAX_TOP_LOGPROBS = 20;

const candidateSchema = z.object({
  /** The token's text; bytes that are not whole characters are U+FFFD in it. */
  token: z.string(),
  /** Of UTF-8 text. */
  bytes: z.array(z.number().int().min(0).max(255)),
  /** Natural logarithm of the probability that the model itself gave it: before temperature, penalties and constraints. */
  logprob: z.number().max(0),
});

/** One token of an answer, how likely it was and what else was likely there. */
export const tokenLogprobSchema = candidateSchema.extend({ top: z.array(candidateSchema).max(MAX_TOP_LOGPROBS) });
export type TokenLogprob = z.infer<typeof tokenLogprobSchema>;

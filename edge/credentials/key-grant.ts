import { z } from "zod";
import type { Priority } from "../../shared/inference/request.ts";

/** Limits of a key; null: none. */
export const keyLimitsSchema = z.object({
  requestsPerMinute: z.number().int().min(1).max(100_000).nullable(),
  /** Of prompts and answers together, by UTC day. */
  tokensPerDay: z.number().int().min(1).max(1_000_000_000_000).nullable(),
  /** Time that machines worked for the key, by UTC day. */
  nodeSecondsPerDay: z.number().int().min(1).max(100_000_000).nullable(),
});
export type KeyLimits = z.infer<typeof keyLimitsSchema>;

export const NO_LIMITS: KeyLimits = { requestsPerMinute: null, tokensPerDay: null, nodeSecondsPerDay: null };

/** Names of models; one that ends in `*` stands for all that begin so. */
export const modelPatternsSchema = z
  .array(z.string().regex(/^[^\p{Cc}\s*]{1,255}\*?$|^\*$/u, "expected a model's name, or its beginning and then '*'"))
  .min(1)
  .max(64);

/** What a key may use, and how much of it. */
export interface KeyGrant {
  id: string;
  /** Of two grants of a key the higher one is the newer. */
  version: number;
  limits: KeyLimits;
  /** Null: every model. */
  models: readonly string[] | null;
  priority: Priority;
}

/** Who asks the Home object for something: a key with its limits, or a person at the page, who has none. */
export const callerSchema = z.object({
  /** Of the key or the person. */
  id: z.string().min(1).max(128),
  version: z.number().int().nonnegative(),
  limits: keyLimitsSchema,
});
export type Caller = z.infer<typeof callerSchema>;

/** Whether a key may use a model. */
export function allowsModel(models: readonly string[] | null, name: string): boolean {
  if (models === null) return true;
  return models.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name));
}

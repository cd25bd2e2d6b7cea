import { z } from "@hono/zod-openapi";
import type { TokenLogprob } from "../../../inference/output-format.ts";

/** Probabilities as the older completions have them: lists with an entry for each token. */
export const completionLogprobsSchema = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number()),
  top_logprobs: z.array(z.record(z.string(), z.number())).nullable(),
  text_offset: z.array(z.number().int()).openapi({ description: "Where each token begins in the whole text." }),
});
export type CompletionLogprobs = z.infer<typeof completionLogprobsSchema>;

/** @param offset characters of the text before these tokens */
export function toCompletionLogprobs(tokens: readonly TokenLogprob[], offset: number): CompletionLogprobs {
  let at = offset;
  const text_offset = tokens.map(({ token }) => {
    const begin = at;
    at += token.length;
    return begin;
  });
  const isAny = tokens.some(({ top }) => top.length > 0);
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: isAny
      ? tokens.map(({ top }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob])))
      : null,
    text_offset,
  };
}

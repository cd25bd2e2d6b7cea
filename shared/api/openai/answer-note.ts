import { z } from "zod";
import type { AnswerHandle } from "../../inference/backend.ts";
import type { AnswerHead } from "./chat-response.ts";

/** What an answer is encoded with, besides its events: kept beside them, so that it comes out the same when it is encoded anew. */
export const noteSchema = z.object({
  created: z.number().int(),
  model: z.string(),
  includeUsage: z.boolean(),
});

export function handleOf({ id, created, model }: AnswerHead, includeUsage: boolean, kept: boolean): AnswerHandle {
  const note = JSON.stringify({ created, model, includeUsage } satisfies z.infer<typeof noteSchema>);
  return { id, note, kept };
}

import { z } from "zod";
import type { AnswerHandle } from "../../inference/backend.ts";
import type { AnswerHead } from "./chat-response.ts";
import { MAX_CHOICES } from "./output-schema.ts";

/** What an answer is encoded with, besides its events: kept beside them, so that it comes out the same when it is encoded anew. */
export const noteSchema = z.object({
  created: z.number().int(),
  model: z.string(),
  includeUsage: z.boolean(),
  choices: z.number().int().min(1).max(MAX_CHOICES).default(1),
});

/** Names one choice's generation: the first has the answer's own id. */
export function choiceId(id: string, choice: number): string {
  return choice === 0 ? id : `${id}.${choice}`;
}

/** How each of an answer's choices can be come back to. */
export function handlesOf(
  { id, created, model }: AnswerHead,
  { includeUsage, choices, kept }: { includeUsage: boolean; choices: number; kept: boolean },
): AnswerHandle[] {
  const note = JSON.stringify({ created, model, includeUsage, choices } satisfies z.infer<typeof noteSchema>);
  return Array.from({ length: choices }, (_, choice) => ({ id: choiceId(id, choice), note, kept }));
}

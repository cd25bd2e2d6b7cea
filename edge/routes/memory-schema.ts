import { z } from "@hono/zod-openapi";
import type { Fact } from "../home/memory/fact.ts";
import { MEMORY_LIMITS } from "../home/memory/limits.ts";

export const factSchema = z
  .object({
    id: z.string(),
    text: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    source: z
      .object({ sessionId: z.string(), index: z.number().int() })
      .nullable()
      .openapi({ description: "The turn in which it was said; null: it was written down." }),
  })
  .openapi("Fact");
export type ShownFact = z.infer<typeof factSchema>;

export const newFactSchema = z
  .strictObject({ text: z.string().trim().min(1).max(MEMORY_LIMITS.factCharacters) })
  .openapi("NewFact", { example: { text: "I am allergic to peanuts." } });

/** A fact as the API shows it. */
export function shownFact({ id, text, createdAtMs, updatedAtMs, source }: Fact): ShownFact {
  return {
    id,
    text,
    createdAt: new Date(createdAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
    source,
  };
}

import { z } from "zod";

/** Where a fact was said: the turn of a session. */
export interface FactSource {
  sessionId: string;
  index: number;
}

/** Something that somebody asked to have remembered. Times are Unix milliseconds. */
export interface Fact {
  id: string;
  text: string;
  createdAtMs: number;
  updatedAtMs: number;
  /** Null: it was written down on the page, or by a program. */
  source: FactSource | null;
}

const rowSchema = z
  .object({
    id: z.string(),
    text: z.string(),
    created_at: z.number(),
    updated_at: z.number(),
    session_id: z.string().nullable(),
    turn: z.number().nullable(),
  })
  .transform(
    ({ id, text, created_at, updated_at, session_id, turn }): Fact => ({
      id,
      text,
      createdAtMs: created_at,
      updatedAtMs: updated_at,
      source: session_id === null || turn === null ? null : { sessionId: session_id, index: turn },
    }),
  );

/** A row of `memory_facts`, read. */
export function readFact(row: unknown): Fact {
  return rowSchema.parse(row);
}

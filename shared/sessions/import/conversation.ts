import { z } from "zod";
import { newTurnSchema } from "../turn.ts";
import { sessionSchema } from "../session.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import type { ImportProblem } from "./problem.ts";

/** Where a conversation comes from, and the id it had there: what makes a second import add nothing. */
export const importSourceSchema = z.object({
  kind: z.enum(["openai", "claude", "porchlight"]),
  id: z.string().min(1).max(IMPORT_LIMITS.sourceIdCharacters),
});
export type ImportSource = z.infer<typeof importSourceSchema>;

/** A conversation as it goes over to Porchlight: what a session has, but for whose it is. */
export const importedSessionSchema = z.object({
  ...sessionSchema.pick({
    title: true,
    createdAtMs: true,
    updatedAtMs: true,
    settings: true,
    summary: true,
    forkedFrom: true,
    source: true,
  }).shape,
  from: importSourceSchema,
  turns: z.array(newTurnSchema),
});
export type ImportedSession = z.infer<typeof importedSessionSchema>;

/** What a converter makes of an entry; it throws ImportError where nothing can be made of it. */
export interface Converted {
  session: ImportedSession;
  notes: Pick<ImportProblem, "code" | "count" | "detail">[];
}

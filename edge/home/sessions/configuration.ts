import { z } from "zod";
import type { EdgeBindings } from "../../env.ts";
import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";

const DAY_MS = 86_400_000;

/** What the edge's configuration says of conversations. */
export interface SessionConfiguration {
  /** Turns of a window where nobody set another. */
  window: number;
  /** Turns of the household that are kept in memory. */
  hotTurns: number;
  /** How old a turn is when it goes to a home machine. */
  coldAfterMs: number;
}

const number = (fallback: number, check: z.ZodNumber) =>
  z
    .string()
    .optional()
    .transform((text) => (text === undefined || text.trim() === "" ? fallback : Number(text)))
    .pipe(check)
    .catch(fallback);

const schema = z.object({
  SESSION_WINDOW: number(SESSION_LIMITS.defaultWindowTurns, z.number().int().min(1).max(SESSION_LIMITS.windowTurns)),
  SESSION_HOT_TURNS: number(100, z.number().int().min(0).max(10_000)),
  SESSION_COLD_DAYS: number(7, z.number().min(0).max(36_500)),
});

/** What is not a number of the range counts as not set. */
export function sessionConfiguration(env: Partial<EdgeBindings>): SessionConfiguration {
  const { SESSION_WINDOW, SESSION_HOT_TURNS, SESSION_COLD_DAYS } = schema.parse(env);
  return { window: SESSION_WINDOW, hotTurns: SESSION_HOT_TURNS, coldAfterMs: SESSION_COLD_DAYS * DAY_MS };
}

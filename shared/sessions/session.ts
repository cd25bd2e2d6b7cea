import { z } from "zod";
import { SESSION_LIMITS } from "./limits.ts";
import { sessionSettingsSchema } from "./settings.ts";

/** Crockford's digits, in the order of their bytes: ids sort by time. */
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

export const sessionIdSchema = z.string().regex(/^ses_[0-9a-z]{26}$/, "expected the id of a session");

/** A new id: 50 bits of time, 80 bits of chance. */
export function newSessionId(nowMs: number): string {
  let rest = Math.max(0, Math.floor(nowMs));
  let time = "";
  for (let digit = 0; digit < TIME_DIGITS; digit++) {
    time = DIGITS.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_DIGITS));
  return `ses_${time}${Array.from(random, (byte) => DIGITS.charAt(byte % 32)).join("")}`;
}

export const sessionSourceSchema = z.enum(["chat", "api", "import", "schedule"]);
export type SessionSource = z.infer<typeof sessionSourceSchema>;

/** What left the window, in short: of the turns before `upTo`. */
export const sessionSummarySchema = z.object({
  text: z.string().max(SESSION_LIMITS.summaryCharacters),
  upTo: z.number().int().nonnegative(),
});
export type SessionSummary = z.infer<typeof sessionSummarySchema>;

/** A conversation of one person. Times are Unix milliseconds. */
export const sessionSchema = z.object({
  id: sessionIdSchema,
  userId: z.string().min(1).max(128),
  /** Empty until somebody or something named it. */
  title: z.string().max(SESSION_LIMITS.titleCharacters),
  createdAtMs: z.number().int().nonnegative(),
  updatedAtMs: z.number().int().nonnegative(),
  turnCount: z.number().int().nonnegative(),
  settings: sessionSettingsSchema,
  summary: sessionSummarySchema.optional(),
  /** It began as a copy of the turns before `upTo`. */
  forkedFrom: z.object({ sessionId: sessionIdSchema, upTo: z.number().int().nonnegative() }).optional(),
  source: sessionSourceSchema.optional(),
});
export type Session = z.infer<typeof sessionSchema>;

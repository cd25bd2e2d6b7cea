import { z } from "@hono/zod-openapi";
import { wireErrorSchema } from "../../shared/errors.ts";
import { messageSchema } from "../../shared/inference/request.ts";
import { SESSION_LIMITS } from "../../shared/sessions/limits.ts";
import { type Session, sessionSourceSchema } from "../../shared/sessions/session.ts";
import { sessionSettingsSchema } from "../../shared/sessions/settings.ts";
import { type Turn, turnStateSchema, turnUsageSchema } from "../../shared/sessions/turn.ts";

export const titleSchema = z
  .string()
  .trim()
  .max(SESSION_LIMITS.titleCharacters)
  .openapi({ description: "Empty: none." });

export const settingsSchema = sessionSettingsSchema.openapi("SessionSettings", {
  description:
    "How a conversation is held. What is absent is inherited: from the session, then the person, then the edge's configuration.",
  example: { window: 12, retrieval: "off" },
});

export const shownSessionSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    turnCount: z.number().int(),
    settings: settingsSchema,
    summary: z
      .object({ text: z.string(), upTo: z.number().int() })
      .nullable()
      .openapi({ description: "Of the turns before `upTo`, once they left the window." }),
    forkedFrom: z
      .object({ sessionId: z.string(), upTo: z.number().int() })
      .nullable()
      .openapi({ description: "It began as a copy of the turns before `upTo`." }),
    source: sessionSourceSchema.nullable(),
  })
  .openapi("Session");
export type ShownSession = z.infer<typeof shownSessionSchema>;

export const shownTurnSchema = z
  .object({
    index: z.number().int().openapi({ description: "Its place in the session, from 0 on." }),
    createdAt: z.iso.datetime(),
    state: turnStateSchema,
    model: z.string(),
    messages: z.array(messageSchema).openapi({
      description: "What the person said, and all that answers it.",
    }),
    usage: turnUsageSchema.nullable(),
    error: wireErrorSchema.pick({ code: true, message: true }).nullable(),
  })
  .openapi("Turn");
export type ShownTurn = z.infer<typeof shownTurnSchema>;

/** A session as the API shows it. */
export function shownSession(session: Session): ShownSession {
  const { id, title, createdAtMs, updatedAtMs, turnCount, settings } = session;
  return {
    id,
    title,
    createdAt: new Date(createdAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
    turnCount,
    settings,
    summary: session.summary ?? null,
    forkedFrom: session.forkedFrom ?? null,
    source: session.source ?? null,
  };
}

/** A turn as the API shows it, without how it came about. */
export function shownTurn({ index, createdAtMs, state, model, messages, usage, error }: Turn): ShownTurn {
  return {
    index,
    createdAt: new Date(createdAtMs).toISOString(),
    state,
    model,
    messages,
    usage: usage ?? null,
    error: error === undefined ? null : { code: error.code, message: error.message },
  };
}

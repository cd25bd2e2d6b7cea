import { PorchlightError } from "../../../shared/errors.ts";
import type { SessionStore } from "../sessions/store.ts";
import type { SchedulingSessions } from "./ports.ts";

/** The household's sessions, as schedules use them. All of it is one step with what the schedules write themselves. */
export function storeSessions(store: SessionStore): SchedulingSessions {
  return {
    has: (userId, sessionId) => store.get(sessionId, userId) !== undefined,
    make: (userId, title) => store.create({ userId, title, source: "schedule" }).id,
    land: ({ sessionId, runId, model, messages, usage, createdAtMs }) => {
      const turn = { createdAtMs, messages, model, runId, state: "complete" as const };
      try {
        return store.addTurn(sessionId, usage === undefined ? turn : { ...turn, usage }).index;
      } catch (error) {
        const code = error instanceof PorchlightError ? error.code : undefined;
        if (code === "session_full" || code === "body_too_large") return undefined;
        throw error;
      }
    },
  };
}

import type { Hono } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import { clearSessionCookie } from "../credentials/session-cookie.ts";
import type { AppEnv } from "../env.ts";
import { accountOf, sessionOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";
import { endOtherSessions, endSession } from "../store/sessions.ts";

/** `DELETE /api/account/sessions/{id}` ends one of one's own sessions, `DELETE /api/account/sessions` all but the one that asks. */
export function mountAccountSessions(app: Hono<AppEnv>): void {
  app.delete("/api/account/sessions/:id", async (c) => {
    const id = c.req.param("id");
    if (!(await endSession(database(c.env.DB), accountOf(c).userId, id))) {
      throw new PorchlightError("not_found", "This session has ended already. Reload the page.");
    }
    if (id === sessionOf(c).id) clearSessionCookie(c);
    await audit(c, "session_ended");
    return c.body(null, 204);
  });

  app.delete("/api/account/sessions", async (c) => {
    const ended = await endOtherSessions(database(c.env.DB), accountOf(c).userId, sessionOf(c).id);
    await audit(c, "other_sessions_ended", { target: String(ended) });
    return c.body(null, 204);
  });
}

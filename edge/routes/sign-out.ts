import type { Hono } from "hono";
import { audit } from "../credentials/audit.ts";
import { clearSessionCookie } from "../credentials/session-cookie.ts";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { endSession } from "../store/sessions.ts";

/** `POST /api/sign-out`, a form's target: ends the session and goes back to `/`. Without a session it only goes back. */
export function mountSignOut(app: Hono<AppEnv>): void {
  app.post("/api/sign-out", async (c) => {
    const { account } = c.var;
    if (account?.session) {
      await endSession(database(c.env.DB), account.userId, account.session.id);
      clearSessionCookie(c);
      await audit(c, "signed_out");
    }
    return c.redirect("/", 303);
  });
}

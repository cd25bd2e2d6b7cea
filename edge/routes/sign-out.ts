import type { Hono } from "hono";
import { hashSecret } from "../credentials/secret.ts";
import { clearSessionCookie, readSessionCookie } from "../credentials/session-cookie.ts";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { deleteSession } from "../store/sessions.ts";

/** `POST /api/sign-out`, a form's target: ends the session and goes back to `/`. Without a session it only goes back. */
export function mountSignOut(app: Hono<AppEnv>): void {
  app.post("/api/sign-out", async (c) => {
    const id = readSessionCookie(c);
    if (id !== undefined && c.var.account?.via === "session") {
      await deleteSession(database(c.env.DB), await hashSecret(id));
      clearSessionCookie(c);
    }
    return c.redirect("/", 303);
  });
}

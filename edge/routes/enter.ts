import type { Hono } from "hono";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import { redeemCode } from "../credentials/one-time-code.ts";
import { hashSecret, randomSecret } from "../credentials/secret.ts";
import { writeSessionCookie } from "../credentials/session-cookie.ts";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { putSession } from "../store/sessions.ts";

/** `GET /enter/{code}`: signs the browser in that opens it first. */
export function mountEnter(app: Hono<AppEnv>): void {
  app.get("/enter/:code", async (c) => {
    // Previews and link checkers send HEAD: they must not use the link up.
    if (c.req.method === "HEAD") return c.body(null);
    const db = database(c.env.DB);
    const accountId = await redeemCode(db, "sign_in", c.req.param("code"));
    const id = randomSecret(CREDENTIAL_LIMITS.sessionBytes);
    const now = Date.now();
    const expiresAt = now + CREDENTIAL_LIMITS.sessionMs;
    await putSession(db, { hash: await hashSecret(id), accountId, createdAt: now, expiresAt }, now);
    writeSessionCookie(c, id);
    c.header("cache-control", "no-store");
    return c.redirect("/", 303);
  });
}

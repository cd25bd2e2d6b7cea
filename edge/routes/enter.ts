import type { Hono } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import { redeemGuarded } from "../credentials/attempts.ts";
import { startSession } from "../credentials/session.ts";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { findUser } from "../store/users.ts";

/** `GET /enter/{code}`: signs the browser in that opens it first, as the one who made the link. */
export function mountEnter(app: Hono<AppEnv>): void {
  app.get("/enter/:code", async (c) => {
    // Previews and link checkers send HEAD: they must not use the link up.
    if (c.req.method === "HEAD") return c.body(null);
    const { userId } = await redeemGuarded(c, "sign_in", c.req.param("code"));
    const user = userId === null ? undefined : await findUser(database(c.env.DB), userId);
    if (!user) throw new PorchlightError("code_used_or_expired");
    // Only the owner's key makes links: whoever has it may do everything anyway.
    await startSession(c, user, "link", { confirmed: true });
    return c.redirect("/", 303);
  });
}

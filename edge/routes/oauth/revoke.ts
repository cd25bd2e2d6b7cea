import type { Hono } from "hono";
import { z } from "zod";
import { hashSecret } from "../../credentials/secret.ts";
import type { AppEnv } from "../../env.ts";
import { OAUTH_LIMITS } from "../../oauth/limits.ts";
import { tokenCache } from "../../oauth/token-cache.ts";
import { disconnect } from "../../oauth/tokens.ts";
import { database } from "../../store/database.ts";
import { endToken, findToken } from "../../store/oauth.ts";
import { parseFields, readFields } from "./form.ts";

const formSchema = z.object({
  token: z.string().min(1).max(256),
  token_type_hint: z.string().max(64).optional(),
  client_id: z.string().max(OAUTH_LIMITS.redirectCharacters),
});

/** `POST /oauth/revoke` (RFC 7009): a client gives a token back. With a refresh token goes all that it could be exchanged for. */
export function mountRevoke(app: Hono<AppEnv>): void {
  app.post("/oauth/revoke", async (c) => {
    const fields = await readFields(c);
    const form = fields instanceof Response ? fields : parseFields(c, fields, formSchema);
    if (form instanceof Response) return form;
    const db = database(c.env.DB);
    const hash = await hashSecret(form.token);
    const found = await findToken(db, hash);
    // Whatever it was, it is worth nothing now: the answer does not say what it was before (section 2.2).
    if (found?.grant.clientId === form.client_id) {
      if (found.token.kind === "refresh") await disconnect(db, found.grant.id);
      else await endToken(db, hash);
      tokenCache.delete(hash);
    }
    c.header("cache-control", "no-store");
    return c.body(null, 200);
  });
}

import type { Context, Hono } from "hono";
import { z } from "zod";
import { readBytes } from "../../../shared/api/json-body.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { attempt } from "../../credentials/attempts.ts";
import type { AppEnv } from "../../env.ts";
import { shownName } from "../../oauth/client-name.ts";
import { OAUTH_LIMITS } from "../../oauth/limits.ts";
import { OAUTH_SCOPE } from "../../oauth/metadata.ts";
import { placeOf } from "../../oauth/redirect-uri.ts";
import { database } from "../../store/database.ts";
import { putClient } from "../../store/oauth.ts";

// Not strict: RFC 7591, section 2, has what is not understood ignored.
const metadataSchema = z.object({
  redirect_uris: z.array(z.string()).min(1).max(OAUTH_LIMITS.redirectUris),
  client_name: z.string().max(1_000).optional(),
  grant_types: z.array(z.string().max(128)).max(16).optional(),
  response_types: z.array(z.string().max(64)).max(16).optional(),
});

/**
 * `POST /oauth/register` (RFC 7591): a program says what it is. That gives it nothing: a person lets it in or not, and sees where it
 * would be sent back to. All are public clients, held by PKCE.
 */
export function mountRegister(app: Hono<AppEnv>): void {
  app.post("/oauth/register", async (c) => {
    if (!/^application\/json\s*(?:;|$)/i.test(c.req.header("content-type") ?? ""))
      throw new PorchlightError("unsupported_media_type");
    await attempt(c, "oauthRegister");
    const parsed = metadataSchema.safeParse(readJson(await readBytes(c.req.raw, OAUTH_LIMITS.registrationBytes)));
    if (!parsed.success) {
      const where = parsed.error.issues[0]?.path.join(".") ?? "";
      const error = where.startsWith("redirect_uris") ? "invalid_redirect_uri" : "invalid_client_metadata";
      return refuse(c, error, `Missing or invalid: '${where}'.`);
    }
    const { redirect_uris: redirectUris, grant_types: grantTypes, response_types: responseTypes } = parsed.data;
    if (!redirectUris.every((uri) => placeOf(uri) !== undefined))
      return refuse(c, "invalid_redirect_uri", "Take https, http on localhost, or a scheme of the app's own; no '#'.");
    if (grantTypes?.includes("authorization_code") === false || responseTypes?.includes("code") === false)
      return refuse(
        c,
        "invalid_client_metadata",
        "Clients here use the grant 'authorization_code' and the response 'code'.",
      );
    const now = Date.now();
    const name = shownName(parsed.data.client_name ?? "");
    const client = { id: crypto.randomUUID(), name, redirectUris: JSON.stringify(redirectUris), createdAt: now };
    await putClient(
      database(c.env.DB),
      { ...client, expiresAt: now + OAUTH_LIMITS.newClientMs },
      OAUTH_LIMITS.newClients,
      OAUTH_LIMITS.newClientMs,
    );
    c.header("cache-control", "no-store");
    return c.json(
      {
        client_id: client.id,
        client_id_issued_at: Math.floor(now / 1000),
        client_name: name,
        redirect_uris: redirectUris,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        scope: OAUTH_SCOPE,
      },
      201,
    );
  });
}

/** Undefined for what is no JSON. */
function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Errors of section 3.2.2. */
function refuse(c: Context, error: "invalid_redirect_uri" | "invalid_client_metadata", description: string): Response {
  c.header("cache-control", "no-store");
  return c.json({ error, error_description: description }, 400);
}

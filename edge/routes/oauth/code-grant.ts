import type { Context } from "hono";
import { z } from "zod";
import { attempt } from "../../credentials/attempts.ts";
import { audit } from "../../credentials/audit.ts";
import { hashSecret } from "../../credentials/secret.ts";
import type { AppEnv } from "../../env.ts";
import { isAudience } from "../../oauth/issuer.ts";
import { OAUTH_LIMITS } from "../../oauth/limits.ts";
import { OAUTH_SCOPE } from "../../oauth/metadata.ts";
import { disconnect, isSecret, newTokens } from "../../oauth/tokens.ts";
import { database } from "../../store/database.ts";
import { findGrant, findToken, type OauthGrant, spendToken, useCode } from "../../store/oauth.ts";
import { parseFields, refuseGrant } from "./form.ts";

const text = z.string().max(OAUTH_LIMITS.redirectCharacters);
// Not strict: clients send fields of profiles of their own, and RFC 6749 has them ignored.
const codeSchema = z.object({
  code: z.string().max(256),
  client_id: text,
  redirect_uri: text,
  /** RFC 7636, section 4.1. */
  code_verifier: z.string().regex(/^[\w.~-]{43,128}$/),
  resource: text.optional(),
});
const refreshSchema = z.object({
  refresh_token: z.string().max(256),
  client_id: text,
  resource: text.optional(),
  scope: z.string().max(OAUTH_LIMITS.scopeCharacters).optional(),
});
const UNKNOWN_CODE = "This code is not known, was used already, or is another client's. Ask your person again.";
const UNKNOWN_TOKEN =
  "This refresh token is not known, was used already, or is another client's. Ask your person again.";

/**
 * A code for tokens (RFC 6749, section 4.1.3). Whatever is wrong with it, the code is used up; shown twice, what it gave ends, because one
 * of the two who have it is a thief.
 */
export async function exchangeCode(c: Context<AppEnv>, fields: Record<string, string>): Promise<Response> {
  const form = parseFields(c, fields, codeSchema);
  if (form instanceof Response) return form;
  const succeeded = await attempt(c, "oauthToken");
  const db = database(c.env.DB);
  const code = isSecret("code", form.code) ? await useCode(db, await hashSecret(form.code), Date.now()) : undefined;
  const grant = code && (await findGrant(db, code.grantId));
  if (code === undefined || grant === undefined) return refuseGrant(c, "invalid_grant", UNKNOWN_CODE);
  const isRight =
    !code.used &&
    code.expiresAt > Date.now() &&
    grant.clientId === form.client_id &&
    code.redirectUri === form.redirect_uri &&
    code.challenge === (await hashSecret(form.code_verifier));
  if (!isRight) {
    await disconnect(db, grant.id);
    return refuseGrant(c, "invalid_grant", UNKNOWN_CODE);
  }
  if (form.resource !== undefined && !isAudience(c, form.resource)) return refuseTarget(c);
  await succeeded();
  return await answerTokens(c, grant);
}

/** A refresh token for new tokens (section 6). Each is good once: shown twice, all tokens of its grant end (RFC 9700, section 4.14.2). */
export async function refreshTokens(c: Context<AppEnv>, fields: Record<string, string>): Promise<Response> {
  const form = parseFields(c, fields, refreshSchema);
  if (form instanceof Response) return form;
  const succeeded = await attempt(c, "oauthToken");
  const db = database(c.env.DB);
  const hash = await hashSecret(form.refresh_token);
  const found = isSecret("refresh", form.refresh_token) ? await findToken(db, hash) : undefined;
  if (found?.token.kind !== "refresh" || found.grant.clientId !== form.client_id)
    return refuseGrant(c, "invalid_grant", UNKNOWN_TOKEN);
  const { token, grant, accountId, userName } = found;
  if (token.expiresAt <= Date.now()) return refuseGrant(c, "invalid_grant", UNKNOWN_TOKEN);
  if (form.resource !== undefined && !isAudience(c, form.resource)) return refuseTarget(c);
  if (form.scope !== undefined && !form.scope.split(" ").includes(OAUTH_SCOPE))
    return refuseGrant(c, "invalid_scope", `The only scope here is '${OAUTH_SCOPE}'.`);
  if (token.spentAt !== null || !(await spendToken(db, hash, Date.now()))) {
    await disconnect(db, grant.id);
    const actor = { accountId, id: grant.userId, name: userName };
    await audit(c, "client_token_reused", { target: grant.clientName, actor });
    return refuseGrant(c, "invalid_grant", UNKNOWN_TOKEN);
  }
  await succeeded();
  return await answerTokens(c, grant);
}

async function answerTokens(c: Context<AppEnv>, grant: OauthGrant): Promise<Response> {
  const tokens = await newTokens(database(c.env.DB), grant);
  if (tokens === undefined) return refuseGrant(c, "invalid_grant", UNKNOWN_TOKEN);
  c.header("cache-control", "no-store");
  return c.json(tokens);
}

function refuseTarget(c: Context): Response {
  return refuseGrant(c, "invalid_target", "These tokens are for /mcp of this edge, and nothing else.");
}

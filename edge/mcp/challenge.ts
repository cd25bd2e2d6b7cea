import type { MiddlewareHandler } from "hono";
import { showsApiKey } from "../../shared/api/headers.ts";
import { allowsScope } from "../access/scopes.ts";
import type { AppEnv } from "../env.ts";
import { OAUTH_SCOPE, RESOURCE_METADATA_PATH } from "../oauth/metadata.ts";
import { shownOrigin } from "../origin.ts";

/** Tells whoever is not known, or lacks the scope, how to ask: RFC 6750, RFC 9728. */
export const mcpChallenge: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  const { status } = c.res;
  const key = c.var.account?.key;
  const lacksScope = status === 403 && key !== undefined && !allowsScope(key.scopes, [OAUTH_SCOPE]);
  if (status !== 401 && !lacksScope) return;
  const error = lacksScope ? "insufficient_scope" : showsApiKey(c) ? "invalid_token" : undefined;
  const metadata = `resource_metadata="${shownOrigin(c)}${RESOURCE_METADATA_PATH}"`;
  const parts = [...(error === undefined ? [] : [`error="${error}"`]), `scope="${OAUTH_SCOPE}"`, metadata];
  c.header("www-authenticate", `Bearer ${parts.join(", ")}`);
};

import type { MiddlewareHandler } from "hono";
import { showsApiKey } from "../../shared/api/headers.ts";
import type { AppEnv } from "../env.ts";
import { OAUTH_SCOPE, RESOURCE_METADATA_PATH } from "../oauth/metadata.ts";
import { shownOrigin } from "../origin.ts";

/** Tells whoever is not known, or lacks the scope, how to ask: RFC 6750, RFC 9728. */
export const mcpChallenge: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  const { status } = c.res;
  if (status !== 401 && status !== 403) return;
  // Of a page of another site this says nothing new; of a key without the scope it says which.
  const error = status === 403 ? "insufficient_scope" : showsApiKey(c) ? "invalid_token" : undefined;
  const metadata = `resource_metadata="${shownOrigin(c)}${RESOURCE_METADATA_PATH}"`;
  const parts = [...(error === undefined ? [] : [`error="${error}"`]), `scope="${OAUTH_SCOPE}"`, metadata];
  c.header("www-authenticate", `Bearer ${parts.join(", ")}`);
};

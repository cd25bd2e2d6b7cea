import type { Hono } from "hono";
import type { AppEnv } from "../../env.ts";
import { RESOURCE_METADATA_PATH, resourceMetadata, serverMetadata } from "../../oauth/metadata.ts";

/** What clients of MCP find out first: RFC 9728 and RFC 8414. */
export function mountOauthMetadata(app: Hono<AppEnv>): void {
  for (const path of [RESOURCE_METADATA_PATH, "/.well-known/oauth-protected-resource"])
    app.get(path, (c) => c.json(resourceMetadata(c), 200, { "cache-control": "no-store" }));
  app.get("/.well-known/oauth-authorization-server", (c) =>
    c.json(serverMetadata(c), 200, { "cache-control": "no-store" }),
  );
}

import type { Context } from "hono";
import type { AppEnv } from "../env.ts";
import { originOf } from "../origin.ts";
import { issuerOf } from "./issuer.ts";

/** What a token of ours is good for. */
export const OAUTH_SCOPE = "plugins";

/** Where RFC 9728 has the metadata of `/mcp`. */
export const RESOURCE_METADATA_PATH = "/.well-known/oauth-protected-resource/mcp";

/** RFC 9728: who gives tokens for `/mcp`. */
export function resourceMetadata(c: Context<AppEnv>) {
  return {
    // As its client knows it: it compares.
    resource: `${originOf(c)}/mcp`,
    authorization_servers: [issuerOf(c)],
    scopes_supported: [OAUTH_SCOPE],
    bearer_methods_supported: ["header"],
    resource_name: "Porchlight",
  };
}

/** RFC 8414. */
export function serverMetadata(c: Context<AppEnv>) {
  const issuer = issuerOf(c);
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    registration_endpoint: `${issuer}/oauth/register`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    scopes_supported: [OAUTH_SCOPE],
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: ["authorization_code", "refresh_token"],
    token_endpoint_auth_methods_supported: ["none"],
    revocation_endpoint_auth_methods_supported: ["none"],
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  };
}

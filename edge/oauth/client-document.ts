import { z } from "zod";
import { readBytes } from "../../shared/api/json-body.ts";
import { type AllowedHost, judgeUrl } from "../../shared/net/outbound-url.ts";
import type { Client } from "./client.ts";
import { shownName } from "./client-name.ts";
import { OAUTH_LIMITS } from "./limits.ts";
import { placeOf } from "./redirect-uri.ts";

const documentSchema = z.object({
  client_id: z.string(),
  client_name: z.string().max(1_000).optional(),
  redirect_uris: z.array(z.string()).min(1).max(OAUTH_LIMITS.redirectUris),
  grant_types: z.array(z.string()).optional(),
  token_endpoint_auth_method: z.literal("none").optional(),
});

/** Whether a client's id is the address of its own document. */
export function isDocumentId(id: string): boolean {
  const url = URL.parse(id);
  return url?.protocol === "https:" && url.pathname !== "/" && url.hash === "" && url.href === id;
}

/**
 * A client that says what it is at the address that is its id (OAuth client id metadata documents). Undefined for one that cannot be
 * had, or is not that client's. From public addresses alone, followed nowhere else.
 */
export async function clientOfDocument(id: string, allowed: readonly AllowedHost[]): Promise<Client | undefined> {
  if (!isDocumentId(id) || "refusal" in judgeUrl(id, allowed)) return undefined;
  try {
    const signal = AbortSignal.timeout(OAUTH_LIMITS.documentMs);
    const response = await fetch(id, { redirect: "manual", signal, headers: { accept: "application/json" } });
    if (response.status !== 200) return undefined;
    const text = new TextDecoder().decode(await readBytes(response, OAUTH_LIMITS.documentBytes));
    const said = documentSchema.parse(JSON.parse(text));
    if (said.client_id !== id || said.grant_types?.includes("authorization_code") === false) return undefined;
    if (!said.redirect_uris.every((uri) => placeOf(uri) !== undefined)) return undefined;
    const { host } = new URL(id);
    return { id, name: shownName(said.client_name ?? "") || host, host, redirectUris: said.redirect_uris };
  } catch {
    return undefined; // a stranger's server that is not there, or says what no client does: nothing of ours is wrong
  }
}

import type { Context } from "hono";
import { z } from "zod";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { findClient } from "../store/oauth.ts";
import { allowedHosts } from "../webhooks/allowed-hosts.ts";
import type { Client } from "./client.ts";
import { clientOfDocument, isDocumentId } from "./client-document.ts";
import { audienceOf, isAudience, issuerOf } from "./issuer.ts";
import { OAUTH_LIMITS } from "./limits.ts";
import { OAUTH_SCOPE } from "./metadata.ts";
import { allowsRedirect, type Place, placeOf, withAnswer } from "./redirect-uri.ts";

/** What a client asks for, found to be in order. */
export interface AuthorizationRequest {
  client: Client;
  redirectUri: string;
  place: Place;
  challenge: string;
  state: string | undefined;
  scope: string;
  resource: string;
}

/** Why it is not: in words for whoever made the client, and where to tell it, if that is known to be the client's. */
export interface AuthorizationProblem {
  kind: "client" | "redirect" | "request";
  words: string;
  tell?: string;
}

const text = z.string().max(OAUTH_LIMITS.redirectCharacters);
const parametersSchema = z.object({
  response_type: z.string().max(64).optional(),
  client_id: text.min(1),
  redirect_uri: text.min(1),
  code_challenge: z.string().max(256).optional(),
  code_challenge_method: z.string().max(64).optional(),
  state: z.string().max(OAUTH_LIMITS.stateCharacters).optional(),
  scope: z.string().max(OAUTH_LIMITS.scopeCharacters).optional(),
  resource: text.optional(),
});
type Parameters = z.infer<typeof parametersSchema>;

const storedUris = z
  .string()
  .transform((stored): unknown => JSON.parse(stored))
  .pipe(z.array(z.string()));

/** Reads the query of an authorization request (RFC 6749, section 4.1.1; RFC 7636; RFC 8707). */
export async function readAuthorizationRequest(
  c: Context<AppEnv>,
  query: string,
): Promise<{ asked: AuthorizationRequest } | { problem: AuthorizationProblem }> {
  const fields = new URLSearchParams(query);
  const names = [...fields.keys()];
  if (new Set(names).size < names.length) return refuse("request", "A parameter is there twice.");
  const parsed = parametersSchema.safeParse(Object.fromEntries(fields));
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join(".") ?? "";
    return refuse("request", `Missing or invalid: '${where}'.`);
  }
  const { client_id: id, redirect_uri: redirectUri, state } = parsed.data;
  const client = await clientOf(c, id);
  if (client === undefined) return refuse("client", "The client_id is not known here. Register again.");
  const place = placeOf(redirectUri);
  if (place === undefined || !allowsRedirect(client.redirectUris, redirectUri))
    return refuse("redirect", "The redirect_uri is none that this client registered.");
  const wrong = wrongOf(c, parsed.data);
  if (wrong !== undefined) {
    const [error, words] = wrong;
    const tell = withAnswer(redirectUri, { error, error_description: words, state, iss: issuerOf(c) });
    return { problem: { kind: "request", words, tell } };
  }
  const challenge = parsed.data.code_challenge ?? "";
  const asked = { client, redirectUri, place, challenge, state, scope: OAUTH_SCOPE, resource: audienceOf(c) };
  return { asked };
}

async function clientOf(c: Context<AppEnv>, id: string): Promise<Client | undefined> {
  if (isDocumentId(id)) return await clientOfDocument(id, allowedHosts(c.env));
  const found = await findClient(database(c.env.DB), id, Date.now());
  return found && { id, name: found.name, redirectUris: storedUris.parse(found.redirectUris) };
}

/** The error of RFC 6749, section 4.1.2.1, or RFC 8707, and what it is about. */
function wrongOf(c: Context<AppEnv>, parameters: Parameters): [error: string, words: string] | undefined {
  const { response_type: type, code_challenge: challenge, code_challenge_method: method, scope, resource } = parameters;
  if (type !== "code") return ["unsupported_response_type", "The only response_type here is 'code'."];
  if (method !== "S256" || !/^[\w-]{43}$/.test(challenge ?? ""))
    return ["invalid_request", "PKCE is needed: a code_challenge with the code_challenge_method 'S256'."];
  if (scope !== undefined && !scope.split(" ").includes(OAUTH_SCOPE))
    return ["invalid_scope", `The only scope here is '${OAUTH_SCOPE}'.`];
  if (resource !== undefined && !isAudience(c, resource))
    return ["invalid_target", `The only resource here is ${audienceOf(c)}.`];
  return undefined;
}

function refuse(kind: AuthorizationProblem["kind"], words: string): { problem: AuthorizationProblem } {
  return { problem: { kind, words } };
}

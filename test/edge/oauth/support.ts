import { toBase64Url } from "../../../shared/protocol/base64url.ts";
import { postForm } from "../support/device-flow.ts";
import { fromPage, ORIGIN, postJson, request } from "../support/edge.ts";

export const REDIRECT = "https://app.example/callback";
export const VERIFIER = "v".repeat(43);
export const MCP = `${ORIGIN}/mcp`;

export async function challengeOf(verifier: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/** A program that registered itself. Returns its id. */
export async function register(over: Record<string, unknown> = {}): Promise<string> {
  const response = await postJson("/oauth/register", { client_name: "Notes", redirect_uris: [REDIRECT], ...over });
  if (response.status !== 201) throw new Error(`registering answered ${response.status}`);
  return (await response.json<{ client_id: string }>()).client_id;
}

/** The query of a request in order; undefined leaves a field out. */
export async function queryOf(clientId: string, over: Record<string, string | undefined> = {}): Promise<string> {
  const fields: Record<string, string | undefined> = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: REDIRECT,
    code_challenge: await challengeOf(VERIFIER),
    code_challenge_method: "S256",
    state: "a state",
    scope: "plugins",
    resource: MCP,
    ...over,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, value);
  return query.toString();
}

export async function showConsent(cookie: string, query: string): Promise<Response> {
  return await request(`/oauth/authorize?${query}`, { headers: { cookie, accept: "text/html" } });
}

export async function decide(cookie: string, query: string, decision = "allow", headers?: HeadersInit) {
  return await postJson("/api/oauth/decision", { query, decision }, headers ?? fromPage(cookie));
}

/** Where a yes sends its person. */
export async function letIn(cookie: string, query: string): Promise<URL> {
  const response = await decide(cookie, query);
  if (response.status !== 200) throw new Error(await response.text());
  return new URL((await response.json<{ to: string }>()).to);
}

export async function codeFor(
  cookie: string,
  clientId: string,
  over: Record<string, string | undefined> = {},
): Promise<string> {
  return (await letIn(cookie, await queryOf(clientId, over))).searchParams.get("code") ?? "";
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  error?: string;
}
export async function token(fields: Record<string, string>): Promise<{ status: number; body: Tokens }> {
  const response = await postForm("/oauth/token", fields);
  return { status: response.status, body: await response.json<Tokens>() };
}
export async function exchange(clientId: string, code: string, over: Record<string, string> = {}) {
  const fields = { grant_type: "authorization_code", client_id: clientId, code, redirect_uri: REDIRECT };
  return await token({ ...fields, code_verifier: VERIFIER, resource: MCP, ...over });
}
export async function refresh(clientId: string, refreshToken: string, over: Record<string, string> = {}) {
  return await token({ grant_type: "refresh_token", client_id: clientId, refresh_token: refreshToken, ...over });
}

/** What `/mcp` says to a token. */
export async function ping(accessToken: string, origin = ORIGIN): Promise<Response> {
  return await request(`${origin}/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${accessToken}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
    }),
  });
}

import {
  auth,
  Client,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { ORIGIN, request, setUp, signIn } from "../support/edge.ts";
import { letIn } from "./support.ts";

let cookie: string;
beforeAll(async () => {
  cookie = await signIn((await setUp()).apiKey);
});

const fetchEdge = async (url: string | URL, init?: RequestInit): Promise<Response> => await request(String(url), init);

/** What a program of the SDK keeps; its person's browser is `at`. */
function provider(): OAuthClientProvider & { at: URL | undefined } {
  const kept: Record<string, unknown> = {};
  return {
    at: undefined,
    redirectUrl: "http://127.0.0.1:49152/callback",
    clientMetadata: {
      client_name: "SDK",
      redirect_uris: ["http://127.0.0.1/callback"],
      grant_types: ["authorization_code", "refresh_token"],
    },
    state: () => "of-the-client",
    clientInformation: () => kept["client"] as never, // what the SDK itself gave to keep, here and below
    saveClientInformation: (information) => void (kept["client"] = information),
    tokens: () => kept["tokens"] as never,
    saveTokens: (tokens) => void (kept["tokens"] = tokens),
    discoveryState: () => kept["discovery"] as never,
    saveDiscoveryState: (state) => void (kept["discovery"] = state),
    saveCodeVerifier: (verifier) => void (kept["verifier"] = verifier),
    codeVerifier: () => String(kept["verifier"]),
    redirectToAuthorization(url) {
      this.at = url;
    },
  };
}

it("the SDK's own client finds out, registers, is let in, calls, and refreshes", async () => {
  const authProvider = provider();
  const transport = () =>
    new StreamableHTTPClientTransport(new URL(`${ORIGIN}/mcp`), { authProvider, fetch: fetchEdge });
  const first = transport();
  const client = new Client({ name: "test", version: "1" });
  await expect(client.connect(first)).rejects.toThrow(UnauthorizedError);
  const { at } = authProvider;
  expect(at?.origin).toBe(ORIGIN);
  expect(at?.searchParams.get("resource")).toBe(`${ORIGIN}/mcp`);
  const back = await letIn(cookie, at?.search.slice(1) ?? "");
  await first.finishAuth(back.searchParams);
  await client.connect(transport());
  expect((await client.listTools()).tools).toEqual([]);

  const before = await authProvider.tokens();
  await env.DB.prepare("DELETE FROM oauth_tokens WHERE kind = 'access'").run();
  expect(await auth(authProvider, { serverUrl: `${ORIGIN}/mcp`, fetchFn: fetchEdge })).toBe("AUTHORIZED");
  expect((await authProvider.tokens())?.access_token).not.toBe(before?.access_token);
  const again = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
  await again.connect(transport());
  expect((await again.listTools()).tools).toEqual([]);
  await again.close();
  await client.close();
});

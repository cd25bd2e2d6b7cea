import { execFile } from "node:child_process";
import {
  auth,
  Client,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import { z } from "zod";
import type { TestStack } from "../stack.ts";

const REDIRECT = "http://127.0.0.1:49152/callback";
/** Fetched from the registry when it is wanted; without a network it is left out. */
const INSPECTOR = "@modelcontextprotocol/inspector@2.12.0";

/** The SDK's own client at `/mcp` of a real edge by OAuth, let in by its owner's browser session; then the inspector with the same token. */
export async function letIn(stack: TestStack, note: (ok: boolean, what: string, more?: string) => void): Promise<void> {
  const provider = memory();
  const server = new URL(`${stack.origin}/mcp`);
  const transport = (): StreamableHTTPClientTransport =>
    new StreamableHTTPClientTransport(server, { authProvider: provider });
  const first = transport();
  const client = new Client({ name: "campaign", version: "1" }, { versionNegotiation: { mode: "auto" } });
  const refused = await client.connect(first).then(
    () => undefined,
    (error: unknown) => error,
  );
  note(refused instanceof UnauthorizedError, "oauth: whoever is not let in is sent to the page of consent");
  const back = await agree(await ownerCookie(stack), provider.at ?? new URL("about:blank"));
  await first.finishAuth(back.searchParams);
  await client.connect(transport());
  const { tools } = await client.listTools();
  note(tools.length > 0, "oauth: the SDK's client lists tools", String(tools.length));
  const echo = await client.callTool({ name: "mcp-everything__echo", arguments: { message: "let in" } });
  note(JSON.stringify(echo).includes("let in"), "oauth: and calls one");
  const before = (await provider.tokens())?.access_token;
  await auth(provider, { serverUrl: server });
  const after = (await provider.tokens())?.access_token;
  note(before !== after, "oauth: its token is exchanged for another");
  await client.close();
  const said = await inspect(server.href, after ?? "");
  if (said === undefined) console.log("oauth: the inspector is not to be had here");
  else note(said.includes("mcp-everything__echo"), "oauth: the inspector lists tools", said.slice(0, 80));
}

/** Of a browser in which the owner is signed in. */
export async function ownerCookie(stack: TestStack): Promise<string> {
  const entered = await fetch(await stack.stack.owner.signInUrl(), { redirect: "manual" });
  return (entered.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

/** That browser's yes to the page of consent at `at`. Returns where it is sent. */
export async function agree(cookie: string, at: URL): Promise<URL> {
  const answer = await fetch(`${at.origin}/api/oauth/decision`, {
    method: "POST",
    headers: { cookie, origin: at.origin, "sec-fetch-site": "same-origin", "content-type": "application/json" },
    body: JSON.stringify({ query: at.search.slice(1), decision: "allow" }),
  });
  return new URL(z.object({ to: z.string() }).parse(await answer.json()).to);
}

/** What the inspector's command line prints; undefined where it cannot be fetched. */
async function inspect(url: string, token: string): Promise<string | undefined> {
  const args = ["--yes", INSPECTOR, "--cli", url, "--transport", "http", "--method", "tools/list"];
  return await new Promise((done) => {
    const header = ["--header", `Authorization: Bearer ${token}`];
    execFile("npx", [...args, ...header], { timeout: 120_000 }, (error, stdout, stderr) =>
      done(error !== null && /ENOTFOUND|EAI_AGAIN|ENOTCACHED|E404/.test(stderr) ? undefined : stdout + stderr),
    );
  });
}

/** What a program of the SDK keeps. */
function memory(): OAuthClientProvider & { at: URL | undefined } {
  const kept: {
    client?: Awaited<ReturnType<OAuthClientProvider["clientInformation"]>>;
    tokens?: Awaited<ReturnType<OAuthClientProvider["tokens"]>>;
    discovery?: Awaited<ReturnType<NonNullable<OAuthClientProvider["discoveryState"]>>>;
    verifier?: string;
  } = {};
  return {
    at: undefined,
    redirectUrl: REDIRECT,
    clientMetadata: { client_name: "campaign", redirect_uris: [REDIRECT] },
    clientInformation: () => kept.client,
    saveClientInformation: (client) => void (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => void (kept.tokens = tokens),
    discoveryState: () => kept.discovery,
    saveDiscoveryState: (discovery) => void (kept.discovery = discovery),
    saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
    codeVerifier: () => kept.verifier ?? "",
    redirectToAuthorization(url) {
      this.at = url;
    },
  };
}

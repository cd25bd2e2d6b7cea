import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { database } from "../../../edge/store/database.ts";
import { purgeExpired } from "../../../edge/store/purge.ts";
import { postForm } from "../support/device-flow.ts";
import {
  bearer,
  errorOf,
  fromPage,
  insertKey,
  insertUser,
  ORIGIN,
  type Owner,
  request,
  setUp,
  signIn,
} from "../support/edge.ts";
import {
  codeFor,
  decide,
  exchange,
  letIn,
  MCP,
  ping,
  queryOf,
  REDIRECT,
  refresh,
  register,
  showConsent,
  token,
  VERIFIER,
} from "./support.ts";

let owner: Owner;
let cookie: string;
let client: string;
beforeAll(async () => {
  owner = await setUp();
  cookie = await signIn(owner.apiKey);
  client = await register();
});
beforeEach(async () => {
  await env.DB.prepare("DELETE FROM attempts").run();
  await env.DB.prepare("UPDATE sessions SET confirmed_at = ?").bind(Date.now()).run();
});

async function connected() {
  const { status, body } = await exchange(client, await codeFor(cookie, client));
  if (status !== 200) throw new Error(body.error);
  return body;
}
async function clients(): Promise<{ id: string; name: string }[]> {
  const response = await request("/api/connected-clients", { headers: { cookie } });
  return (await response.json<{ clients: { id: string; name: string }[] }>()).clients;
}

describe("what a client finds out", () => {
  it("leads from a 401 to the metadata of /mcp and of who gives tokens for it", async () => {
    const refused = await request("/mcp", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(refused.status).toBe(401);
    const challenge = refused.headers.get("www-authenticate") ?? "";
    const [, at = ""] = /^Bearer .*resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    const resource = await (await request(at)).json<{ resource: string; authorization_servers: string[] }>();
    expect(resource).toMatchObject({ resource: MCP, authorization_servers: [ORIGIN] });
    const server = await (await request(`${ORIGIN}/.well-known/oauth-authorization-server`)).json();
    expect(server).toMatchObject({
      issuer: ORIGIN,
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: ["none"],
      authorization_response_iss_parameter_supported: true,
    });
    expect((await ping("plo_at_wrong")).headers.get("www-authenticate")).toContain('error="invalid_token"');
    const other = await ping(await insertKey(owner.accountId, "inference"));
    expect([other.status, other.headers.get("www-authenticate")]).toEqual([
      403,
      expect.stringContaining("insufficient_scope"),
    ]);
  });
});

describe("letting a program in", () => {
  it("goes from consent to tokens that work at /mcp, and nowhere else", async () => {
    const query = await queryOf(client);
    const page = await showConsent(cookie, query);
    const html = await page.text();
    expect(page.status).toBe(200);
    for (const words of ["Notes", "app.example", "frame-ancestors"]) {
      expect(html + (page.headers.get("content-security-policy") ?? "")).toContain(words);
    }
    const back = await letIn(cookie, query);
    expect(back.origin + back.pathname).toBe(REDIRECT);
    expect(back.searchParams.get("state")).toBe("a state");
    expect(back.searchParams.get("iss")).toBe(ORIGIN);
    const { status, body } = await exchange(client, back.searchParams.get("code") ?? "");
    expect([status, body.expires_in]).toEqual([200, 3600]);
    expect((await ping(body.access_token)).status).toBe(200);
    expect((await ping(body.refresh_token)).status).toBe(401);
    for (const path of ["/v1/models", "/api/plugins", "/api/mcp-servers"])
      expect((await request(path, { headers: bearer(body.access_token) })).status, path).toBe(401);
    // What is kept is hashes alone.
    const kept = JSON.stringify((await env.DB.prepare("SELECT * FROM oauth_tokens").all()).results);
    expect(kept).not.toContain(body.access_token.slice(8));
    expect(kept).not.toContain(body.refresh_token.slice(8));
  });

  it("is shown to nobody who is not signed in, and decided by nobody else's page", async () => {
    const query = await queryOf(client);
    expect((await request(`/oauth/authorize?${query}`, { headers: { accept: "text/html" } })).status).toBe(401);
    expect((await decide(cookie, query, "allow", {})).status).toBe(401);
    expect((await decide(cookie, query, "allow", bearer(owner.apiKey))).status).toBe(403);
    const foreign = [
      { cookie },
      { cookie, origin: "https://evil.test", "sec-fetch-site": "cross-site" },
      { cookie, origin: ORIGIN, "sec-fetch-site": "cross-site" },
      { cookie, origin: "null", "sec-fetch-site": "same-origin" },
    ];
    for (const headers of foreign) expect((await decide(cookie, query, "allow", headers)).status).toBe(403);
    await env.DB.prepare("UPDATE sessions SET confirmed_at = 0").run();
    expect((await errorOf(await decide(cookie, query))).code).toBe("confirmation_needed");
  });

  it("ends with a no at the client, without a code", async () => {
    const response = await decide(cookie, await queryOf(client), "deny");
    const { searchParams } = new URL((await response.json<{ to: string }>()).to);
    expect([searchParams.get("error"), searchParams.get("code")]).toEqual(["access_denied", null]);
  });

  it("sends nobody to an address that the client has not registered, nor by an error at once", async () => {
    for (const redirect of [
      "https://evil.example/callback",
      `${REDIRECT}/`,
      `${REDIRECT}?x=1`,
      "https://app.example/callback/../evil",
      "https://app.example@evil.example/callback",
      "https://app.example.evil.example/callback",
      "http://app.example/callback",
      "javascript:alert(1)",
      "//evil.example/callback",
    ]) {
      const query = await queryOf(client, { redirect_uri: redirect });
      const page = await showConsent(cookie, query);
      expect([page.status, page.headers.get("location")], redirect).toEqual([400, null]);
      expect(await page.text(), redirect).not.toMatch(/href="[^"]*evil|href="javascript/);
      expect((await decide(cookie, query)).status, redirect).toBe(400);
      expect((await decide(cookie, query, "deny")).status, redirect).toBe(400);
    }
  });

  it("takes no request without PKCE by S256, for another resource, scope or answer, or with a parameter twice", async () => {
    const wrong: [Record<string, string | undefined>, string][] = [
      [{ code_challenge: undefined }, "invalid_request"],
      [{ code_challenge_method: undefined }, "invalid_request"],
      [{ code_challenge_method: "plain", code_challenge: VERIFIER }, "invalid_request"],
      [{ code_challenge: "short" }, "invalid_request"],
      [{ response_type: "token" }, "unsupported_response_type"],
      [{ resource: "https://elsewhere.example/mcp" }, "invalid_target"],
      [{ resource: `${ORIGIN}/v1` }, "invalid_target"],
      [{ scope: "admin" }, "invalid_scope"],
    ];
    for (const [over, error] of wrong) {
      const query = await queryOf(client, over);
      const page = await showConsent(cookie, query);
      expect([page.status, page.headers.get("location")]).toEqual([400, null]);
      expect(await page.text(), JSON.stringify(over)).toContain(`error=${error}`);
      expect((await decide(cookie, query)).status).toBe(400);
    }
    const twice = `${await queryOf(client)}&client_id=${client}`;
    expect((await showConsent(cookie, twice)).status).toBe(400);
    expect((await showConsent(cookie, await queryOf("nobody"))).status).toBe(400);
  });
});

describe("a code", () => {
  it("is worth nothing with another verifier, client or address, and is used up by the try", async () => {
    const other = await register();
    const tries: Record<string, string>[] = [
      { code_verifier: "w".repeat(43) },
      { client_id: other },
      { redirect_uri: `${REDIRECT}2` },
    ];
    for (const over of tries) {
      const code = await codeFor(cookie, client);
      expect(await exchange(client, code, over), JSON.stringify(over)).toMatchObject({
        status: 400,
        body: { error: "invalid_grant" },
      });
      expect((await exchange(client, code)).body.error).toBe("invalid_grant");
    }
    const code = await codeFor(cookie, client);
    expect((await exchange(client, code, { resource: "https://elsewhere.example/" })).body.error).toBe(
      "invalid_target",
    );
    expect((await exchange(client, `${code}x`)).body.error).toBe("invalid_grant");
  });

  it("lasts a minute", async () => {
    const code = await codeFor(cookie, client);
    await env.DB.prepare("UPDATE oauth_codes SET expires_at = ?")
      .bind(Date.now() - 1)
      .run();
    expect((await exchange(client, code)).body.error).toBe("invalid_grant");
  });

  it("gives tokens once; shown again, those end", async () => {
    const code = await codeFor(cookie, client);
    const answers = await Promise.all([exchange(client, code), exchange(client, code), exchange(client, code)]);
    const [good] = answers.filter(({ status }) => status === 200);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await ping(good?.body.access_token ?? "")).status).toBe(401);
    expect((await refresh(client, good?.body.refresh_token ?? "")).body.error).toBe("invalid_grant");
  });
});

describe("a token", () => {
  it("is refreshed by its own client, and the one of before ends", async () => {
    const first = await connected();
    expect((await refresh(await register(), first.refresh_token)).body.error).toBe("invalid_grant");
    expect((await refresh(client, first.access_token)).body.error).toBe("invalid_grant");
    expect((await refresh(client, first.refresh_token, { scope: "admin" })).body.error).toBe("invalid_scope");
    expect((await refresh(client, first.refresh_token, { resource: "https://x.example/" })).body.error).toBe(
      "invalid_target",
    );
    const second = await refresh(client, first.refresh_token, { resource: MCP });
    expect(second.status).toBe(200);
    expect((await ping(second.body.access_token)).status).toBe(200);
    expect((await ping(first.access_token)).status).toBe(401);
  });

  it("that is refreshed twice ends its whole family, and that is written down", async () => {
    const first = await connected();
    const second = (await refresh(client, first.refresh_token)).body;
    expect((await ping(second.access_token)).status).toBe(200);
    expect((await refresh(client, first.refresh_token)).body.error).toBe("invalid_grant");
    expect((await ping(second.access_token)).status).toBe(401);
    expect((await refresh(client, second.refresh_token)).body.error).toBe("invalid_grant");
    const entry = await env.DB.prepare("SELECT target FROM audit_log WHERE action = 'client_token_reused'").first();
    expect(entry).toEqual({ target: "Notes" });
  });

  it("of many at once that refresh, none is left with a live pair twice", async () => {
    const { refresh_token } = await connected();
    const answers = await Promise.all([1, 2, 3, 4].map(async () => await refresh(client, refresh_token)));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    for (const { body } of answers.filter(({ status }) => status === 200))
      expect((await refresh(client, body.refresh_token)).status).toBe(400);
  });

  it("expires, and is for this origin alone", async () => {
    const { access_token, refresh_token } = await connected();
    expect((await ping(access_token, "https://other-name.test")).status).toBe(401);
    expect((await ping(access_token)).status).toBe(200);
    expect((await ping(access_token, "https://other-name.test")).status).toBe(401);
    await env.DB.prepare("UPDATE oauth_tokens SET expires_at = ?")
      .bind(Date.now() - 1)
      .run();
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + 31_000); // past what an isolate remembers
    expect((await ping(access_token)).status).toBe(401);
    vi.restoreAllMocks();
    expect((await refresh(client, refresh_token)).body.error).toBe("invalid_grant");
  });

  it("ends when its client gives it back, its person disconnects it, or that person goes", async () => {
    const given = await connected();
    const revoke = async (fields: Record<string, string>) => (await postForm("/oauth/revoke", fields)).status;
    expect(await revoke({ token: given.refresh_token, client_id: "another" })).toBe(200);
    expect((await ping(given.access_token)).status).toBe(200);
    expect(await revoke({ token: given.refresh_token, client_id: client })).toBe(200);
    expect((await ping(given.access_token)).status).toBe(401);
    expect(await revoke({ token: "unknown", client_id: client })).toBe(200);

    const kept = await connected();
    expect((await ping(kept.access_token)).status).toBe(200);
    const [{ id } = { id: "" }] = await clients();
    const other = await insertKey(owner.accountId, "admin", await insertUser(owner.accountId, "member"));
    const remove = async (headers: HeadersInit) =>
      (await request(`/api/connected-clients/${id}`, { method: "DELETE", headers })).status;
    expect(await remove(bearer(other))).toBe(404);
    expect(await remove(fromPage(cookie))).toBe(204);
    expect(await remove(fromPage(cookie))).toBe(404);
    expect((await ping(kept.access_token)).status).toBe(401);
  });
});

describe("time", () => {
  it("throws away what has ended, and nothing else", async () => {
    const { refresh_token } = await connected();
    await codeFor(cookie, client); // never fetched
    const count = async (table: string) =>
      (await env.DB.prepare(`SELECT count(*) AS n FROM ${table}`).first<{ n: number }>())?.n;
    await purgeExpired(database(env.DB), Date.now() + 25 * 3600_000);
    expect(await count("oauth_codes")).toBe(0);
    const renewed = await refresh(client, refresh_token);
    expect(renewed.status).toBe(200);
    await purgeExpired(database(env.DB), Date.now() + 61 * 24 * 3600_000);
    expect(await count("oauth_tokens")).toBe(0);
    expect(await count("oauth_grants")).toBe(0);
  });

  it("other grants and hostile forms are refused", async () => {
    expect((await token({ grant_type: "password" })).body.error).toBe("unsupported_grant_type");
    expect((await token({ grant_type: "authorization_code", code: "x" })).body.error).toBe("invalid_request");
    const paged = await postForm("/oauth/token", { grant_type: "refresh_token" }, { origin: ORIGIN });
    expect(paged.status).toBe(400);
    expect((await postForm("/oauth/revoke", "token=a&token=b&client_id=c")).status).toBe(400);
  });
});

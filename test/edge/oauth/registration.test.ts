import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { postJson, setUp, signIn } from "../support/edge.ts";
import { letIn, queryOf, REDIRECT, register, showConsent } from "./support.ts";

let cookie: string;
let client: string;
beforeAll(async () => {
  cookie = await signIn((await setUp()).apiKey);
  client = await register();
  await letIn(cookie, await queryOf(client));
});
beforeEach(async () => {
  await env.DB.prepare("DELETE FROM attempts").run();
});

describe("registration", () => {
  const refusal = async (body: unknown) => {
    const response = await postJson("/oauth/register", body);
    return [response.status, (await response.json<{ error: string }>()).error];
  };

  it("takes no address that runs something, hides something or is plain http elsewhere", async () => {
    for (const uri of [
      "javascript:alert(1)",
      "JavaScript:alert(1)",
      "data:text/html,x",
      "blob:https://x.example/1",
      "file:///etc/passwd",
      "http://evil.example/cb",
      "http://localhost.evil.example/cb",
      "https://user:pw@evil.example/cb",
      "https://evil.example/cb#x",
      "intent://x#Intent;end",
      "/callback",
      "https://evil.example/ cb",
      `https://evil.example/${"x".repeat(2000)}`,
      "ms-settings:x",
      "",
    ])
      expect(await refusal({ redirect_uris: [REDIRECT, uri] }), uri).toEqual([400, "invalid_redirect_uri"]);
  });

  it("takes no other grants, nor what is no registration", async () => {
    expect(await refusal({ redirect_uris: [] })).toEqual([400, "invalid_redirect_uri"]);
    expect(await refusal({ redirect_uris: REDIRECT })).toEqual([400, "invalid_redirect_uri"]);
    expect(await refusal({ redirect_uris: Array(11).fill(REDIRECT) })).toEqual([400, "invalid_redirect_uri"]);
    expect(await refusal({ redirect_uris: [REDIRECT], grant_types: ["client_credentials"] })).toEqual([
      400,
      "invalid_client_metadata",
    ]);
    expect(await refusal({ redirect_uris: [REDIRECT], client_name: "x".repeat(1001) })).toEqual([
      400,
      "invalid_client_metadata",
    ]);
    expect((await refusal("[".repeat(500)))[0]).toBe(400);
    expect((await postJson("/oauth/register", { redirect_uris: [REDIRECT], x: "x".repeat(20_000) })).status).toBe(413);
  });

  it("shows names without what is hidden in them", async () => {
    const id = await register({ client_name: "Pay\u202epal\u200b\n<script>alert(1)</script>" });
    const html = await (await showConsent(cookie, await queryOf(id))).text();
    expect(html).toContain("Pay pal &lt;script&gt;");
    expect(html).not.toMatch(/\u202e|\u200b|<script>alert/);
  });

  it("lets a program on the computer come back at any port, with the same path", async () => {
    const id = await register({ redirect_uris: ["http://127.0.0.1/cb"] });
    const at = async (redirect: string) =>
      (await showConsent(cookie, await queryOf(id, { redirect_uri: redirect }))).status;
    expect(await at("http://127.0.0.1:49152/cb")).toBe(200);
    expect(await at("http://127.0.0.1:49152/other")).toBe(400);
    expect(await at("http://localhost:49152/cb")).toBe(400);
    const app = await register({ redirect_uris: ["cursor://mcp/callback"] });
    expect((await showConsent(cookie, await queryOf(app, { redirect_uri: "cursor://mcp/callback" }))).status).toBe(200);
  });

  it("is counted by address, and those who wait are bounded", async () => {
    for (let n = 0; n < 20; n++) await register();
    expect((await postJson("/oauth/register", { redirect_uris: [REDIRECT] })).status).toBe(429);
    await env.DB.prepare("DELETE FROM attempts").run();
    const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
      INSERT INTO oauth_clients SELECT 'many-' || i, 'x', '[]', ?1 + i - 5000, ?1 + i - 5000 + 86400000 FROM n`;
    await env.DB.prepare(many).bind(Date.now()).run();
    await register();
    const left = await env.DB.prepare(
      "SELECT count(*) AS n FROM oauth_clients WHERE expires_at - created_at <= 86400000",
    ).first<{ n: number }>();
    expect(left?.n).toBe(1000);
    // One that was let in stays.
    expect((await showConsent(cookie, await queryOf(client))).status).toBe(200);
  });
});

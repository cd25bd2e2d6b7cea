import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createApiKey } from "../../edge/credentials/api-key.ts";
import { CREDENTIAL_LIMITS } from "../../edge/credentials/limits.ts";
import { PAGE_PATHS } from "../../edge/pages/index.tsx";
import { signEnrolment } from "../../shared/protocol/signatures.ts";
import { dial, newKeyPair, pair, saying, TestAgent } from "./support/agent.ts";
import { beginFields, knock, postForm } from "./support/device-flow.ts";
import {
  bearer,
  errorOf,
  fromPage,
  insertKey,
  insertUser,
  ORIGIN,
  type Owner,
  postJson,
  request,
  setUp,
  signIn,
} from "./support/edge.ts";
import { forgetAttempts } from "./support/people.ts";

/** What happened to others, one by one: each of these let somebody in elsewhere. */

let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});
beforeEach(forgetAttempts);

/** Addresses that need somebody to be known, each for another right. */
const CLOSED = ["/v1/models", "/api/agents", "/api/keys", "/api/usage", "/account", "/audit"];
const statusAt = async (path: string, headers: Record<string, string>) => (await request(path, { headers })).status;

describe("scopes that a client gives itself (GHSA-rqpp-rjj8-7wv8)", () => {
  it("count for nothing, wherever a key writes them", async () => {
    const narrow = await insertKey(owner.accountId, "agents:read");
    const wishes: [string, Record<string, string>][] = [
      ["?scope=admin&scopes=admin&role=owner", {}],
      [
        "",
        { scope: "admin", "x-scopes": "admin", "porchlight-scopes": "admin", "x-openclaw-scopes": "operator.admin" },
      ],
      ["", { "porchlight-caller": JSON.stringify({ id: "owner", version: 0, limits: {} }) }],
    ];
    for (const [query, headers] of wishes) {
      const response = await request(`/api/keys${query}`, { headers: { ...bearer(narrow), ...headers } });
      expect(response.status).toBe(403);
    }
    const made = await postJson("/api/keys", { name: "x", scopes: ["admin"] }, bearer(narrow));
    expect((await errorOf(made)).code).toBe("forbidden");
  });

  it("count for nothing from a machine either: it may serve, and opens no stream of its own", async () => {
    const identity = await pair(owner.apiKey);
    const agent = await TestAgent.connect(identity, saying("x"));
    const stream = agent.session.open({ kind: "generate", requestId: "its own" });
    await expect(
      (async () => {
        for await (const bytes of stream.incoming) expect(bytes).toBeUndefined();
      })(),
    ).rejects.toMatchObject({ code: "forbidden" });
    agent.close();
    const fields = await beginFields(await newKeyPair());
    for (const wish of [{ scope: "admin" }, { scopes: "admin" }, { role: "owner" }, { account_id: owner.accountId }]) {
      expect((await postForm("/oauth/device_authorization", { ...fields, ...wish })).status).toBe(400);
    }
  });
});

describe("a token that lives on in a cache (GHSA-m8wm-r5vq-qjpg)", () => {
  it("is looked up again within half a minute, in whatever way it ended", async () => {
    const ends = ["UPDATE api_keys SET revoked_at = 1", "UPDATE api_keys SET expires_at = 1", "DELETE FROM api_keys"];
    for (const end of ends) {
      const key = await insertKey(owner.accountId, "inference");
      vi.useFakeTimers({ toFake: ["Date"] });
      try {
        expect(await statusAt("/v1/models", bearer(key))).toBe(200);
        await env.DB.prepare(`${end} WHERE prefix = ?`).bind(key.slice(0, 13)).run();
        vi.setSystemTime(Date.now() + 30_000);
        expect({ end, status: await statusAt("/v1/models", bearer(key)) }).toEqual({ end, status: 401 });
      } finally {
        vi.useRealTimers();
      }
    }
    expect(CREDENTIAL_LIMITS.keyCacheMs).toBeLessThanOrEqual(30_000);
  });

  it("takes its person's lesser role along", async () => {
    const person = await insertUser(owner.accountId, "owner");
    const key = await insertKey(owner.accountId, "admin", person);
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      expect((await postJson("/api/pairing-codes", {}, bearer(key))).status).toBe(201);
      await env.DB.prepare("UPDATE users SET role = 'viewer' WHERE id = ?").bind(person).run();
      vi.setSystemTime(Date.now() + CREDENTIAL_LIMITS.keyCacheMs);
      expect((await postJson("/api/pairing-codes", {}, bearer(key))).status).toBe(403);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a WebSocket on localhost that any page may open (CVE-2026-25253)", () => {
  it.each([ORIGIN, "http://localhost:8787", "http://localhost:3000", "https://evil.test", "null"])(
    "is not the tunnel: a page of %j is refused before anything is said",
    async (origin) => {
      const { agentId } = await pair(owner.apiKey);
      const cookie = await signIn(owner.apiKey);
      for (const more of [{}, { cookie }, bearer(owner.apiKey)]) {
        const response = await dial(agentId, { origin, ...more });
        expect([response.status, response.webSocket ?? null]).toEqual([403, null]);
      }
    },
  );
});

describe("a gateway that an address names (CVE-2026-26322)", () => {
  const EVIL = "wss://evil.test/gateway";
  const NAMES = ["gatewayUrl", "gateway", "url", "origin", "host", "base_url", "api", "edge", "ws", "tunnel"];
  const query = NAMES.map((name) => `${name}=${encodeURIComponent(EVIL)}`).join("&");

  it("is in no page, and no page could reach it", async () => {
    const cookie = await signIn(owner.apiKey);
    const paths = [...PAGE_PATHS.map((path) => path.replace(/:\w+/, "x")), "/j/x"];
    for (const path of paths) {
      for (const headers of [{}, { cookie }]) {
        const response = await request(`${path}?${query}`, { headers: { ...headers, accept: "text/html" } });
        const text = await response.text();
        expect({ path, named: text.includes("evil.test") }).toEqual({ path, named: false });
        if (!text.startsWith("<!")) continue;
        expect(response.headers.get("content-security-policy")).toContain("connect-src 'self'");
      }
    }
  });

  it("is not where a machine is sent, whatever the request says", async () => {
    const made = await postJson(
      `/api/pairing-codes?${query}`,
      {},
      { ...bearer(owner.apiKey), "x-forwarded-host": "evil.test" },
    );
    const { code, url } = await made.json<{ code: string; url: string }>();
    expect(url.startsWith(`${ORIGIN}/j/`)).toBe(true);
    const { publicKey, privateKey } = await newKeyPair();
    const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
    const joined = await postJson(
      `/j/${code}?${query}`,
      { publicKey, name: "x", signature },
      { "x-forwarded-host": "evil.test" },
    );
    expect(await joined.json()).toMatchObject({ origin: ORIGIN, tunnelUrl: "wss://edge.test/tunnel" });
    const { started } = await knock();
    expect(started.verification_uri).toBe(`${ORIGIN}/device`);
  });
});

describe("a token that is checked for being there (CVE-2026-28472)", () => {
  it("is none: only one that the database knows opens anything", async () => {
    const shown = [
      "",
      "Bearer",
      "Bearer ",
      "Bearer null",
      "Bearer undefined",
      "Bearer true",
      "Basic b3duZXI6b3duZXI=",
      owner.apiKey,
      `Bearer ${owner.apiKey}x`,
      `Bearer ${createApiKey()}`,
      `Bearer ${owner.accountId}`,
      `Bearer ${env.SETUP_TOKEN}`,
    ];
    for (const path of CLOSED) {
      for (const authorization of shown) {
        const status = await statusAt(path, { authorization });
        expect({ path, authorization, status }).toEqual({ path, authorization, status: 401 });
      }
      for (const cookie of [
        "__Host-porchlight=",
        "__Host-porchlight=undefined",
        `__Host-porchlight=${"A".repeat(43)}`,
        `porchlight=${owner.apiKey}`,
      ]) {
        expect(await statusAt(path, { cookie })).toBe(401);
      }
    }
  });

  it("is of no use under another name: a session is no key, a key no session", async () => {
    const cookie = await signIn(owner.apiKey);
    const secret = cookie.split("=")[1] ?? "";
    expect(await statusAt("/v1/models", { cookie })).toBe(200);
    expect(await statusAt("/v1/models", bearer(secret))).toBe(401);
    expect(await statusAt("/v1/models", { cookie: `__Host-porchlight=${owner.apiKey}` })).toBe(401);
    // Without the prefix a sibling domain could have planted it.
    expect(await statusAt("/v1/models", { cookie: `porchlight=${secret}` })).toBe(401);
  });
});

describe("a pairing that makes an admin (GHSA-4jpw-hj22-2xmc)", () => {
  it("is not to be had: a code lets in a machine, which has no rights of a person", async () => {
    const { code } = await (await postJson("/api/pairing-codes", {}, bearer(owner.apiKey))).json<{ code: string }>();
    const { publicKey, privateKey } = await newKeyPair();
    const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
    const before = await env.DB.prepare(
      "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM api_keys) AS n",
    ).first();
    for (const wish of [{ role: "owner" }, { scopes: ["admin"] }, { userId: "x" }]) {
      const wished = await postJson(`/j/${code}`, { publicKey, name: "x", signature, ...wish });
      expect((await errorOf(wished)).code).toBe("unknown_parameter");
    }
    expect((await request(`/enter/${code}`)).status).toBe(410);
    expect((await request(`/join/${code}`)).status).toBe(410);
    const joined = await postJson(`/j/${code}`, { publicKey, name: "x", signature });
    const { agentId } = await joined.json<{ agentId: string }>();
    expect(joined.headers.get("set-cookie")).toBeNull();
    for (const secret of [code, agentId, publicKey, signature]) {
      for (const path of CLOSED) {
        expect(await statusAt(path, bearer(secret))).toBe(401);
        expect(await statusAt(path, { cookie: `__Host-porchlight=${secret}` })).toBe(401);
      }
    }
    const after = await env.DB.prepare(
      "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM api_keys) AS n",
    ).first();
    expect(after).toEqual(before);
  });

  it("is made by the owner alone, and by nobody who was let in for something else", async () => {
    for (const scope of ["inference", "models:read", "agents:read", "usage:read", ""]) {
      const key = await insertKey(owner.accountId, scope);
      for (const path of ["/api/pairing-codes", "/api/sign-in-links"]) {
        expect((await postJson(path, {}, bearer(key))).status).toBe(403);
      }
    }
    const cookie = await signIn(owner.apiKey);
    const crossSite = { ...fromPage(cookie), origin: "https://evil.test", "sec-fetch-site": "cross-site" };
    expect((await postJson("/api/pairing-codes", {}, crossSite)).status).toBe(403);
  });
});

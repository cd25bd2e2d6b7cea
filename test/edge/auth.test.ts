import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { CREDENTIAL_LIMITS } from "../../edge/credentials/limits.ts";
import { createApiKey, isApiKey } from "../../edge/credentials/api-key.ts";
import {
  bearer,
  errorOf,
  fromPage,
  insertKey,
  insertUser,
  type Owner,
  postJson,
  request,
  setUp,
  signIn,
  statusesOf,
} from "./support/edge.ts";

let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});

async function statusWith(key: string): Promise<number> {
  return (await request("/v1/models", { headers: bearer(key) })).status;
}

describe("API keys", () => {
  it("carry a checksum that tells a typo offline", () => {
    const key = createApiKey();
    expect(isApiKey(key)).toBe(true);
    for (let i = "plk_live_".length; i < key.length; i++) {
      const other = key[i] === "a" ? "b" : "a";
      expect(isApiKey(key.slice(0, i) + other + key.slice(i + 1))).toBe(false);
    }
    expect(isApiKey(`${key}a`)).toBe(false);
    expect(isApiKey(key.replace("live", "test"))).toBe(false);
    // Its CRC-32 was computed by Python's zlib.
    expect(isApiKey("plk_live_PorchlightPorchlightPorchlight1EY1W3")).toBe(true);
  });

  it("are checked for what they are, not for being there", async () => {
    expect(await statusWith(owner.apiKey)).toBe(200);
    expect(await statusWith(createApiKey())).toBe(401);
    expect(await statusWith(owner.apiKey.toLowerCase())).toBe(401);
    expect(await statusWith("undefined")).toBe(401);
  });

  it("are not taken from the address", async () => {
    for (const name of ["key", "api_key", "token", "access_token"]) {
      expect((await request(`/v1/models?${name}=${owner.apiKey}`)).status).toBe(401);
    }
  });

  it("are not made up for by a good cookie", async () => {
    const cookie = await signIn(owner.apiKey);
    const response = await request("/v1/models", { headers: { ...bearer(createApiKey()), cookie } });
    expect(response.status).toBe(401);
  });

  it("that are revoked stop within the cache's time, and a new key works within a miss's", async () => {
    const key = await insertKey(owner.accountId, "inference");
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      expect(await statusWith(key)).toBe(200);
      await env.DB.prepare("UPDATE api_keys SET revoked_at = 1 WHERE prefix = ?").bind(key.slice(0, 13)).run();
      vi.setSystemTime(Date.now() + CREDENTIAL_LIMITS.keyCacheMs);
      expect(await statusWith(key)).toBe(401);
      await env.DB.prepare("UPDATE api_keys SET revoked_at = NULL WHERE prefix = ?").bind(key.slice(0, 13)).run();
      vi.setSystemTime(Date.now() + CREDENTIAL_LIMITS.keyMissCacheMs);
      expect(await statusWith(key)).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });

  it("note their use, at most once a minute", async () => {
    const key = await insertKey(owner.accountId, "inference");
    const lastUsed = async () => {
      const row = env.DB.prepare("SELECT last_used_at AS at FROM api_keys WHERE prefix = ?").bind(key.slice(0, 13));
      return (await row.first<{ at: number | null }>())?.at;
    };
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const start = Date.now();
      await statusWith(key);
      await vi.waitFor(async () => expect(await lastUsed()).toBe(start));
      vi.setSystemTime(start + CREDENTIAL_LIMITS.keyCacheMs + 1);
      await statusWith(key);
      vi.setSystemTime(start + 2 * CREDENTIAL_LIMITS.keyCacheMs + 2);
      await statusWith(key);
      await vi.waitFor(async () => expect(await lastUsed()).toBe(start + 2 * CREDENTIAL_LIMITS.keyCacheMs + 2));
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("rights", () => {
  const ownerOnly: [string, RequestInit][] = [
    ["/api/pairing-codes", { method: "POST", body: "{}" }],
    ["/api/sign-in-links", { method: "POST", body: "{}" }],
    ["/api/agents/some-agent", { method: "DELETE" }],
  ];

  it.each(ownerOnly)("of an inference key do not reach %s", async (path, init) => {
    const key = await insertKey(owner.accountId, "inference");
    const response = await request(path, { ...init, headers: { ...bearer(key), "content-type": "application/json" } });
    expect(response.status).toBe(403);
    expect((await errorOf(response)).code).toBe("forbidden");
  });

  it.each(ownerOnly)("cannot be declared by the client at %s", async (path, init) => {
    const key = await insertKey(owner.accountId, "inference");
    const claims = {
      "x-scope": "owner",
      "x-role": "owner",
      "porchlight-scope": "owner",
      scope: "owner",
      role: "owner",
    };
    const response = await request(`${path}?scope=owner&role=owner`, {
      ...init,
      headers: { ...bearer(key), "content-type": "application/json", ...claims },
    });
    expect(response.status).toBe(403);
  });

  it("of an owner's key end where its person's end", async () => {
    const id = await insertUser(owner.accountId, "member");
    const key = await insertKey(owner.accountId, "admin", id);
    expect((await postJson("/api/pairing-codes", {}, bearer(key))).status).toBe(403);
    expect(await statusWith(key)).toBe(200);
  });
});

describe("sessions", () => {
  it("sign a browser in once per link", async () => {
    const link = await postJson("/api/sign-in-links", {}, bearer(owner.apiKey));
    expect(link.status).toBe(201);
    const { url } = await link.json<{ url: string }>();
    expect(url).toMatch(/^https:\/\/edge\.test\/enter\/[\w-]{22}$/);
    expect((await request(url, { method: "HEAD" })).status).toBe(200);
    const entered = await request(url);
    expect(entered.status).toBe(303);
    expect(entered.headers.get("location")).toBe("/");
    const cookie = entered.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^__Host-porchlight=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    const again = await request(url);
    expect(again.status).toBe(410);
    expect((await errorOf(again)).code).toBe("code_used_or_expired");
    const stored = await env.DB.prepare("SELECT hash FROM sessions").all();
    expect(JSON.stringify(stored.results)).not.toContain(cookie.slice("__Host-porchlight=".length, 40));
  });

  it("give one browser the link that two open at once", async () => {
    const { url } = await (await postJson("/api/sign-in-links", {}, bearer(owner.apiKey))).json<{ url: string }>();
    const statuses = await Promise.all([request(url), request(url), request(url)]);
    expect(statusesOf(statuses)).toEqual([303, 410, 410]);
  });

  it("do not outlive their link's ten minutes, nor take a pairing code for a link", async () => {
    const link = await postJson("/api/sign-in-links", {}, bearer(owner.apiKey));
    const { url } = await link.json<{ url: string }>();
    await env.DB.prepare("UPDATE one_time_codes SET expires_at = ?")
      .bind(Date.now() - 1)
      .run();
    expect((await request(url)).status).toBe(410);
    const pairing = await postJson("/api/pairing-codes", {}, bearer(owner.apiKey));
    const { code } = await pairing.json<{ code: string }>();
    expect((await request(`/enter/${code}`)).status).toBe(410);
  });

  it("use the API from the edge's own pages only", async () => {
    const cookie = await signIn(owner.apiKey);
    const send = (headers: Record<string, string>) => postJson("/api/pairing-codes", {}, headers);
    expect((await send(fromPage(cookie))).status).toBe(201);
    const refused: Record<string, string>[] = [
      { cookie },
      { ...fromPage(cookie), origin: "https://evil.test" },
      { ...fromPage(cookie), origin: "https://edge.test.evil.test" },
      { ...fromPage(cookie), origin: "http://edge.test" },
      { ...fromPage(cookie), origin: "null" },
      { ...fromPage(cookie), "sec-fetch-site": "cross-site" },
      { ...fromPage(cookie), "sec-fetch-site": "same-site" },
      { cookie, origin: "https://edge.test" },
      { cookie, "sec-fetch-site": "same-origin" },
    ];
    for (const headers of refused) {
      const response = await send(headers);
      expect({ headers, status: response.status }).toEqual({ headers, status: 403 });
    }
    expect((await request("/v1/models", { headers: { cookie } })).status).toBe(200);
  });

  it("end when they expire, and when the browser signs out", async () => {
    const cookie = await signIn(owner.apiKey);
    const other = await signIn(owner.apiKey);
    const status = async (value: string) => (await request("/v1/models", { headers: { cookie: value } })).status;
    const forged = await request("/api/sign-out", {
      method: "POST",
      headers: { cookie, "sec-fetch-site": "cross-site" },
    });
    expect(forged.status).toBe(403);
    expect(await status(cookie)).toBe(200);
    const out = await request("/api/sign-out", { method: "POST", headers: fromPage(cookie) });
    expect(out.status).toBe(303);
    expect(out.headers.get("set-cookie")).toMatch(/^__Host-porchlight=; Max-Age=0;/);
    expect(await status(cookie)).toBe(401);
    expect(await status(other)).toBe(200);
    await env.DB.prepare("UPDATE sessions SET expires_at = ?")
      .bind(Date.now() - 1)
      .run();
    expect(await status(other)).toBe(401);
  });

  it("need no https on this machine, and https or a configured origin elsewhere", async () => {
    const local = "http://localhost:8787";
    const cookie = await signIn(owner.apiKey, local);
    expect(cookie).toMatch(/^porchlight=/);
    const send = (headers: Record<string, string>) => postJson(`${local}/api/pairing-codes`, {}, headers);
    expect((await send(fromPage(cookie, local))).status).toBe(201);
    expect((await send(fromPage(cookie, "http://localhost:3000"))).status).toBe(403);
    // A name that was rebound to this machine, or a machine of the network.
    for (const origin of ["http://evil.test:8787", "http://192.168.1.7:8787"]) {
      expect((await postJson(`${origin}/api/sign-in-links`, {}, bearer(owner.apiKey))).status).toBe(403);
      expect((await postJson(`${origin}/api/pairing-codes`, {}, fromPage(cookie, origin))).status).toBe(403);
    }
  });
});

describe("127.0.0.1", () => {
  it("sends pages to localhost, where passkeys work, and leaves the API alone", async () => {
    const page = await request("http://127.0.0.1:8787/?lang=en");
    expect(page.status).toBe(307);
    expect(page.headers.get("location")).toBe("http://localhost:8787/?lang=en");
    expect((await request("http://127.0.0.1:8787/healthz")).status).toBe(200);
    expect((await request("http://127.0.0.1:8787/v1/models", { headers: bearer(owner.apiKey) })).status).toBe(200);
  });
});

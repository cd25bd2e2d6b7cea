import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { bearer, errorOf, insertKey, insertUser, type Owner, postJson, request, setUp } from "../support/edge.ts";
import { insertSession } from "../support/people.ts";
import { type Key, makeKey, send } from "../support/keys.ts";

let owner: Owner;
let memberKey: string;
beforeAll(async () => {
  owner = await setUp();
  memberKey = await insertKey(owner.accountId, "admin", await insertUser(owner.accountId, "member"));
});

const list = async (apiKey: string) =>
  (await (await request("/api/keys", { headers: bearer(apiKey) })).json<{ keys: Key[] }>()).keys;
const models = async (apiKey: string) => (await request("/v1/models", { headers: bearer(apiKey) })).status;

describe("API keys by API", () => {
  it("are made, shown once, listed, changed and revoked", async () => {
    const limits = { requestsPerMinute: 7, tokensPerDay: null, nodeSecondsPerDay: 30 };
    const wanted = { name: " Editor ", scopes: ["models:read", "inference"], models: ["qwen*", "starter"], limits };
    const made = await makeKey(owner.apiKey, { ...wanted, expiresInDays: 2, priority: "low" });
    expect(made).toMatchObject({ name: "Editor", scopes: ["inference", "models:read"], priority: "low", limits });
    expect(Date.parse(made.expiresAt ?? "") - Date.parse(made.createdAt)).toBe(2 * 24 * 3600_000);
    expect(await models(made.apiKey)).toBe(200);
    const { apiKey, ...shown } = made;
    const listed = await list(owner.apiKey);
    expect(listed).toContainEqual({ ...shown, lastUsedAt: expect.any(String) });
    expect(JSON.stringify(listed)).not.toContain(apiKey);

    const changed = await send(owner.apiKey, "PATCH", `/api/keys/${made.id}`, {
      name: "Writer",
      limits: { tokensPerDay: 9, requestsPerMinute: null },
    });
    expect(await changed.json()).toMatchObject({
      name: "Writer",
      models: ["qwen*", "starter"],
      limits: { requestsPerMinute: null, tokensPerDay: 9, nodeSecondsPerDay: 30 },
    });
    expect((await send(owner.apiKey, "DELETE", `/api/keys/${made.id}`)).status).toBe(204);
    // In this isolate, which had the key cached, it ends at once.
    expect(await models(made.apiKey)).toBe(401);
    expect((await send(owner.apiKey, "DELETE", `/api/keys/${made.id}`)).status).toBe(404);
    expect((await list(owner.apiKey)).map(({ id }) => id)).not.toContain(made.id);
    const actions = await env.DB.prepare(
      "SELECT action, target FROM audit_log WHERE action LIKE 'key%' ORDER BY id",
    ).all();
    expect(actions.results.slice(-3)).toEqual([
      { action: "key_made", target: "Editor (inference models:read)" },
      { action: "key_changed", target: "Writer" },
      { action: "key_revoked", target: "Writer" },
    ]);
  });

  it("are kept as a hash, with a beginning to know them by", async () => {
    const { id, apiKey } = await makeKey(owner.apiKey, { name: "hashed" });
    const row = await env.DB.prepare("SELECT * FROM api_keys WHERE id = ?").bind(id).first();
    expect(JSON.stringify(row)).not.toContain(apiKey.slice(14));
  });

  it("end when they expire, though they are cached", async () => {
    const { id, apiKey } = await makeKey(owner.apiKey, { name: "short", expiresInDays: 1 });
    await env.DB.prepare("UPDATE api_keys SET expires_at = ? WHERE id = ?")
      .bind(Date.now() + 150, id)
      .run();
    expect(await models(apiKey)).toBe(200);
    await expect.poll(() => models(apiKey), { timeout: 2000 }).toBe(401);
  });

  it("are one's own for a member, everybody's for the owner", async () => {
    const { id: owners } = await makeKey(owner.apiKey, { name: "owner's" });
    const { id: members } = await makeKey(memberKey, { name: "member's" });
    const theirs = (await list(memberKey)).map(({ id }) => id);
    expect(theirs).toContain(members);
    expect(theirs).not.toContain(owners);
    expect((await list(owner.apiKey)).map(({ id }) => id)).toEqual(expect.arrayContaining([owners, members]));
    expect((await send(memberKey, "PATCH", `/api/keys/${owners}`, { name: "mine now" })).status).toBe(404);
    expect((await send(memberKey, "DELETE", `/api/keys/${owners}`)).status).toBe(404);
    expect((await send(owner.apiKey, "DELETE", `/api/keys/${members}`)).status).toBe(204);
  });

  it("are of use for what their scopes say, and cannot make themselves wider", async () => {
    const { id, apiKey } = await makeKey(owner.apiKey, { name: "narrow", scopes: ["inference", "agents:read"] });
    expect((await request("/api/agents", { headers: bearer(apiKey) })).status).toBe(200);
    for (const [method, path, body] of [
      ["GET", "/api/usage"],
      ["GET", "/api/keys"],
      ["POST", "/api/keys", { name: "wide", scopes: ["admin"] }],
      ["PATCH", `/api/keys/${id}`, { limits: { requestsPerMinute: null } }],
      ["DELETE", `/api/keys/${id}`],
      ["POST", "/api/pairing-codes", {}],
    ] as const) {
      const response = await send(apiKey, method, path, body);
      expect({ path, status: response.status }).toEqual({ path, status: 403 });
      expect((await errorOf(response)).message).toContain("scope");
    }
    const widened = await send(owner.apiKey, "PATCH", `/api/keys/${id}`, { scopes: ["admin"] });
    expect((await errorOf(widened)).code).toBe("unknown_parameter");
  });

  it("of a member do not reach past the member", async () => {
    const { apiKey } = await makeKey(memberKey, { name: "wide", scopes: ["admin"] });
    expect((await postJson("/api/pairing-codes", {}, bearer(apiKey))).status).toBe(403);
    const viewer = await insertKey(owner.accountId, "admin", await insertUser(owner.accountId, "viewer"));
    expect((await send(viewer, "POST", "/api/keys", { name: "x" })).status).toBe(403);
  });

  it("are made by a browser only by somebody who proved to be there", async () => {
    const person = await env.DB.prepare("SELECT id FROM users WHERE role = 'owner'").first<{ id: string }>();
    const make = async (cookie: string) =>
      await postJson(
        "https://localhost/api/keys",
        { name: "x" },
        {
          cookie,
          origin: "https://localhost",
          "sec-fetch-site": "same-origin",
        },
      );
    const stale = (await insertSession(person?.id ?? "", 0)).replace("porchlight=", "__Host-porchlight=");
    const fresh = (await insertSession(person?.id ?? "")).replace("porchlight=", "__Host-porchlight=");
    expect((await errorOf(await make(stale))).code).toBe("confirmation_needed");
    expect((await make(fresh)).status).toBe(201);
  });

  it.each([
    [{}, "name"],
    [{ name: "x".repeat(65) }, "name"],
    [{ name: "a\u202eb" }, "name"],
    [{ name: "x", scopes: [] }, "scopes"],
    [{ name: "x", scopes: ["owner"] }, "scopes[0]"],
    [{ name: "x", expiresInDays: 0 }, "expiresInDays"],
    [{ name: "x", models: [] }, "models"],
    [{ name: "x", models: ["a*b"] }, "models[0]"],
    [{ name: "x", models: Array.from({ length: 65 }, () => "m") }, "models"],
    [{ name: "x", priority: "highest" }, "priority"],
    [{ name: "x", limits: { requestsPerMinute: 0 } }, "limits.requestsPerMinute"],
    [{ name: "x", limits: { tokensPerDay: 1e300 } }, "limits.tokensPerDay"],
    [{ name: "x", limits: { nodeSecondsPerDay: "1" } }, "limits.nodeSecondsPerDay"],
    [{ name: "x", limits: { dollars: 1 } }, "limits.dollars"],
    [{ name: "x", userId: "someone" }, "userId"],
  ])("are refused as %o", async (body, param) => {
    const response = await send(owner.apiKey, "POST", "/api/keys", body);
    expect(response.status).toBe(400);
    expect((await errorOf(response)).param).toBe(param);
  });
});

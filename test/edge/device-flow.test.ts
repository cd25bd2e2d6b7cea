import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { signEnrolment } from "../../shared/protocol/signatures.ts";
import { newKeyPair, saying, TestAgent } from "./support/agent.ts";
import { beginFields, GRANT_TYPE, knock, postForm } from "./support/device-flow.ts";
import {
  bearer,
  errorOf,
  fromPage,
  insertUser,
  ORIGIN,
  type Owner,
  postJson,
  request,
  setUp,
  signIn,
} from "./support/edge.ts";

let owner: Owner;
let cookie: string;
beforeAll(async () => {
  owner = await setUp();
  cookie = await signIn(owner.apiKey);
});
beforeEach(async () => {
  await env.DB.prepare("DELETE FROM attempts").run();
  await env.DB.prepare("UPDATE sessions SET confirmed_at = ?").bind(Date.now()).run();
});

const page = () => fromPage(cookie);
/** Time goes on for the machine that waits, without waiting. */
const later = async () => await env.DB.prepare("UPDATE device_authorizations SET last_polled_at = 0").run();

async function find(userCode: string): Promise<string> {
  const response = await postJson("/api/device-authorizations/find", { userCode }, page());
  return (await response.json<{ id: string }>()).id;
}
const decide = async (id: string, word: "approve" | "deny", headers: HeadersInit = page()) =>
  await postJson(`/api/device-authorizations/${id}/${word}`, {}, headers);

describe("the device flow", () => {
  it("lets a machine in that the owner approved: its key, and no token", async () => {
    const machine = await knock("attic");
    const { user_code, verification_uri_complete, interval } = machine.started;
    expect(user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect(verification_uri_complete).toBe(`${ORIGIN}/device?user_code=${user_code}`);
    expect(interval).toBe(5);
    expect(await machine.poll()).toMatchObject({ status: 400, body: { error: "authorization_pending" } });
    const id = await find(` ${user_code.toLowerCase().replace("-", " ")}`);
    const shown = await (await request(`/device/${id}`, { headers: { ...page(), accept: "text/html" } })).text();
    expect(shown).toContain("attic");
    expect(shown).toMatch(/([0-9a-f]{4} ){7}[0-9a-f]{4}/);
    expect((await decide(id, "approve")).status).toBe(200);
    await later();
    const { status, body } = await machine.poll();
    expect(status).toBe(200);
    expect(Object.keys(body).toSorted()).toEqual(["agent_id", "origin", "tunnel_url"]);
    const identity = { agentId: body["agent_id"] ?? "", origin: ORIGIN, privateKey: machine.keys.privateKey };
    const agent = await TestAgent.connect(identity, saying());
    agent.close();
    // What it has been told opens nothing that an account opens.
    expect((await request("/api/agents", { headers: bearer(identity.agentId) })).status).toBe(401);
    expect((await request("/api/agents", { headers: bearer(machine.started.device_code) })).status).toBe(401);
  });

  it("gives its answer once", async () => {
    const machine = await knock();
    await decide(await find(machine.started.user_code), "approve");
    const polls = await Promise.all([machine.poll(), machine.poll(), machine.poll()]);
    expect(polls.filter(({ status }) => status === 200)).toHaveLength(1);
    await later();
    expect((await machine.poll()).body["error"]).toBe("invalid_grant");
    expect((await decide(await find(machine.started.user_code), "approve")).status).toBe(410);
  });

  it("says no when the owner says no, and only once a decision counts", async () => {
    const machine = await knock();
    const id = await find(machine.started.user_code);
    expect((await decide(id, "deny")).status).toBe(200);
    expect((await decide(id, "approve")).status).toBe(410);
    expect((await machine.poll()).body["error"]).toBe("access_denied");
  });

  it("slows down who polls too fast, by five seconds each time", async () => {
    const machine = await knock();
    expect((await machine.poll()).body["error"]).toBe("authorization_pending");
    expect((await machine.poll()).body["error"]).toBe("slow_down");
    expect((await machine.poll()).body["error"]).toBe("slow_down");
    const row = await env.DB.prepare("SELECT interval_ms FROM device_authorizations ORDER BY created_at DESC").first();
    expect(row).toEqual({ interval_ms: 15_000 });
    // After the first interval it is too early still.
    await env.DB.prepare("UPDATE device_authorizations SET last_polled_at = ?")
      .bind(Date.now() - 6_000)
      .run();
    expect((await machine.poll()).body["error"]).toBe("slow_down");
  });

  it("expires", async () => {
    const machine = await knock();
    const id = await find(machine.started.user_code);
    await env.DB.prepare("UPDATE device_authorizations SET expires_at = ?")
      .bind(Date.now() - 1)
      .run();
    expect((await machine.poll()).body["error"]).toBe("expired_token");
    expect((await decide(id, "approve")).status).toBe(410);
    expect((await request(`/device/${id}`, { headers: { ...page(), accept: "text/html" } })).status).toBe(410);
  });

  it("is worth nothing to who stole the device code but not the key", async () => {
    const machine = await knock();
    await decide(await find(machine.started.user_code), "approve");
    const thief = await newKeyPair();
    const code = machine.started.device_code;
    const signature = await signEnrolment(thief.privateKey, { origin: ORIGIN, code });
    expect((await machine.poll({ signature })).body["error"]).toBe("invalid_grant");
    await later();
    expect((await machine.poll()).status).toBe(200);
  });

  it("is not begun for another's key, from a page, twice over, with scopes, or with what is no form", async () => {
    const [mine, other] = [await newKeyPair(), await newKeyPair()];
    const fields = await beginFields(mine);
    const path = "/oauth/device_authorization";
    const errorAt = async (answer: Response) => [answer.status, (await answer.json<{ error: string }>()).error];
    expect(await errorAt(await postForm(path, { ...fields, public_key: other.publicKey }))).toEqual([
      400,
      "invalid_request",
    ]);
    expect(await errorAt(await postForm(path, { ...fields, name: "other" }))).toEqual([400, "invalid_request"]);
    expect(await errorAt(await postForm(path, await beginFields(mine, "desk", "https://phishing.test")))).toEqual([
      400,
      "invalid_request",
    ]);
    expect(await errorAt(await postForm(path, fields, { origin: ORIGIN }))).toEqual([400, "invalid_request"]);
    expect(await errorAt(await postForm(path, { ...fields, scope: "admin" }))).toEqual([400, "invalid_scope"]);
    expect(await errorAt(await postForm(path, { ...fields, role: "owner" }))).toEqual([400, "invalid_request"]);
    expect(await errorAt(await postForm(path, `${new URLSearchParams(fields).toString()}&name=again`))).toEqual([
      400,
      "invalid_request",
    ]);
    expect((await postForm(path, "x=".padEnd(9000, "x"))).status).toBe(413);
    expect((await postJson(path, fields)).status).toBe(415);
    const token = {
      grant_type: "password",
      client_id: "porchlight",
      device_code: "x",
      signature: "A".repeat(86),
    };
    expect(await errorAt(await postForm("/oauth/token", token))).toEqual([400, "unsupported_grant_type"]);
    expect(await errorAt(await postForm("/oauth/token", { ...token, grant_type: GRANT_TYPE }))).toEqual([
      400,
      "invalid_grant",
    ]);
  });

  it("can be begun so often from one address, and no more", async () => {
    for (let i = 0; i < 20; i++) await knock();
    const answer = await postForm("/oauth/device_authorization", await beginFields(await newKeyPair()));
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  });
});

describe("approving a machine", () => {
  it("locks after five wrong codes, and then for the right one too; after more of them for the day", async () => {
    const machine = await knock();
    const guess = async (userCode: string) => await postJson("/api/device-authorizations/find", { userCode }, page());
    for (let i = 0; i < 5; i++) expect((await guess(`BBBB-BBB${"BCDFG"[i]}`)).status).toBe(410);
    const locked = await guess(machine.started.user_code);
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get("retry-after"))).toBeLessThanOrEqual(300);
    const over = async () =>
      await env.DB.prepare("UPDATE attempts SET expires_at = 0 WHERE bucket LIKE 'userCode:%'").run();
    await over();
    expect((await guess(machine.started.user_code)).status).toBe(200);
    for (let i = 0; i < 12; i++) {
      await over();
      await guess("BBBB-BBBB");
    }
    await over();
    const forTheDay = await guess(machine.started.user_code);
    expect(forTheDay.status).toBe(429);
    expect(Number(forTheDay.headers.get("retry-after"))).toBeGreaterThan(3600);
  });

  it("is the owner's alone, in person, freshly confirmed, from this edge's own page", async () => {
    const machine = await knock();
    const id = await find(machine.started.user_code);
    expect((await decide(id, "approve", bearer(owner.apiKey))).status).toBe(403);
    expect((await decide(id, "approve", {})).status).toBe(401);
    expect(
      (await decide(id, "approve", { cookie, origin: "https://evil.test", "sec-fetch-site": "cross-site" })).status,
    ).toBe(403);
    await env.DB.prepare("UPDATE sessions SET confirmed_at = 0").run();
    const stale = await decide(id, "approve");
    expect(stale.status).toBe(403);
    expect((await errorOf(stale)).code).toBe("confirmation_needed");
    for (const role of ["member", "viewer"] as const) {
      const userId = await insertUser(owner.accountId, role);
      await env.DB.prepare("UPDATE sessions SET user_id = ?, confirmed_at = ?").bind(userId, Date.now()).run();
      expect((await decide(id, "approve")).status).toBe(403);
      expect((await request(`/device/${id}`, { headers: page() })).status).toBe(403);
    }
    cookie = await signIn(owner.apiKey);
    expect((await decide(id, "approve")).status).toBe(200);
  });

  it("counts only while the one who approved is the owner still", async () => {
    const machine = await knock();
    const id = await find(machine.started.user_code);
    const other = await insertUser(owner.accountId, "owner");
    await env.DB.prepare("UPDATE device_authorizations SET state = 'approved', decided_by = ? WHERE id = ?")
      .bind(other, id)
      .run();
    await env.DB.prepare("UPDATE users SET role = 'member' WHERE id = ?").bind(other).run();
    expect((await machine.poll()).body["error"]).toBe("access_denied");
  });

  it("needs no fresh proof on this very machine from one who has no passkey", async () => {
    const home = "http://localhost:8787";
    const local = await signIn(owner.apiKey, home);
    await env.DB.prepare("UPDATE sessions SET confirmed_at = 0").run();
    const id = crypto.randomUUID();
    const approve = async () =>
      await postJson(`${home}/api/device-authorizations/${id}/approve`, {}, fromPage(local, home));
    expect((await errorOf(await approve())).code).toBe("user_code_unknown");
    await env.DB.prepare(
      "INSERT INTO passkeys (id, user_id, name, public_key, counter, transports, aaguid, backed_up, created_at) VALUES ('p', ?, '', '', 0, '[]', '', 0, 0)",
    )
      .bind((await env.DB.prepare("SELECT id FROM users WHERE role = 'owner'").first<{ id: string }>())?.id ?? "")
      .run();
    expect((await errorOf(await approve())).code).toBe("confirmation_needed");
    await env.DB.prepare("DELETE FROM passkeys").run();
  });
});

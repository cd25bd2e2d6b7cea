import { beforeAll, describe, expect, it } from "vitest";
import { signEnrolment, signLeave } from "../../shared/protocol/signatures.ts";
import { dial, newKeyPair, pair, RawSocket, saying, statusOf, STARTER, TestAgent } from "./support/agent.ts";
import { bearer, fromPage, ORIGIN, type Owner, postJson, request, setUp, signIn } from "./support/edge.ts";

let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});

async function listed(id: string) {
  const response = await request("/api/agents", { headers: bearer(owner.apiKey) });
  const { agents } = await response.json<{ agents: Record<string, unknown>[] }>();
  return agents.find((agent) => agent["id"] === id);
}
const call = async (method: string, path: string, body?: unknown) =>
  await request(path, {
    method,
    headers: { ...bearer(owner.apiKey), "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

describe("a machine", () => {
  it("tells its speed and version; the list and the page show them", async () => {
    const identity = await pair(owner.apiKey, "attic");
    const agent = await TestAgent.connect(identity, saying());
    agent.session.control({ ...statusOf([STARTER]), speed: { model: "starter", tokensPerSecond: 41.5 } });
    await expect
      .poll(async () => (await listed(identity.agentId))?.["speed"])
      .toEqual({ model: "starter", tokensPerSecond: 41.5 });
    expect(await listed(identity.agentId)).toMatchObject({ online: true, running: 0, version: "0.0.0" });
    const cookie = await signIn(owner.apiKey);
    const page = await (await request("/agents", { headers: { cookie } })).text();
    expect(page).toContain("attic");
    expect(page).toContain("42 tokens/s with starter");
    agent.close();
  });

  it("keeps the name its owner gave it when it is paired again", async () => {
    const { publicKey, privateKey } = await newKeyPair();
    const join = async (name: string) => {
      const { code } = await (await call("POST", "/api/pairing-codes", {})).json<{ code: string }>();
      const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
      const joined = await postJson(`/j/${code}`, { publicKey, name, signature });
      return (await joined.json<{ agentId: string }>()).agentId;
    };
    const id = await join("host-1");
    expect((await call("PATCH", `/api/agents/${id}`, { name: "" })).status).toBe(400);
    expect((await call("PATCH", `/api/agents/${id}`, { name: "x".repeat(129) })).status).toBe(400);
    expect((await call("PATCH", `/api/agents/${id}`, { name: "x", role: "owner" })).status).toBe(400);
    expect((await call("PATCH", "/api/agents/other", { name: "x" })).status).toBe(404);
    expect((await call("PATCH", `/api/agents/${id}`, { name: "Attic <b>" })).status).toBe(200);
    expect(await join("host-1")).toBe(id);
    expect((await listed(id))?.["name"]).toBe("Attic <b>");
  });

  it("is shut out at once when it is revoked, and comes back with one call and its old key", async () => {
    const identity = await pair(owner.apiKey);
    const agent = await TestAgent.connect(identity, saying());
    expect((await call("DELETE", `/api/agents/${identity.agentId}`)).status).toBe(204);
    expect((await agent.closed).code).toBe(4403);
    expect(await listed(identity.agentId)).toBeUndefined();
    expect((await call("PATCH", `/api/agents/${identity.agentId}`, { name: "x" })).status).toBe(404);
    expect((await new RawSocket(await dial(identity.agentId)).closed).code).toBe(4403);
    expect((await call("POST", `/api/agents/${identity.agentId}/restore`)).status).toBe(200);
    expect((await call("POST", `/api/agents/${identity.agentId}/restore`)).status).toBe(404);
    const again = await TestAgent.connect(identity, saying());
    expect((await listed(identity.agentId))?.["online"]).toBe(true);
    again.close();
  });

  it("takes itself off the list by its own key, and by no other", async () => {
    const [mine, other] = [await pair(owner.apiKey), await pair(owner.apiKey)];
    const agent = await TestAgent.connect(mine, saying());
    const path = `/api/agents/${mine.agentId}/leave`;
    const time = Date.now();
    const claims = { origin: ORIGIN, agentId: mine.agentId, time };
    const post = async (signature: string, at = time) => (await postJson(path, { time: at, signature })).status;
    expect(await post(await signLeave(other.privateKey, claims))).toBe(401);
    expect(await post(await signLeave(mine.privateKey, { ...claims, origin: "https://phishing.test" }))).toBe(401);
    expect(await post(await signLeave(mine.privateKey, { ...claims, agentId: other.agentId }))).toBe(401);
    expect(await post(await signLeave(mine.privateKey, claims), time + 1)).toBe(401);
    const old = time - 11 * 60_000;
    expect(await post(await signLeave(mine.privateKey, { ...claims, time: old }), old)).toBe(400);
    const unknown = `/api/agents/${crypto.randomUUID()}/leave`;
    expect((await postJson(unknown, { time, signature: "A".repeat(86) })).status).toBe(401);
    expect(await post(await signLeave(mine.privateKey, claims))).toBe(204);
    expect((await agent.closed).code).toBe(4403);
    expect(await listed(mine.agentId)).toBeUndefined();
  });

  it("cannot ask for rights: what it says of itself beside its key is refused", async () => {
    const { publicKey, privateKey } = await newKeyPair();
    const { code } = await (await call("POST", "/api/pairing-codes", {})).json<{ code: string }>();
    const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
    for (const more of [{ role: "owner" }, { scopes: ["admin"] }, { accountId: owner.accountId }, { admin: true }]) {
      expect((await postJson(`/j/${code}`, { publicKey, name: "x", signature, ...more })).status).toBe(400);
    }
    expect((await postJson(`/j/${code}`, { publicKey, name: "x", signature })).status).toBe(201);
  });
});

describe("a pairing link in a browser", () => {
  it("says what it is for, and is not used up", async () => {
    const { code } = await (await call("POST", "/api/pairing-codes", {})).json<{ code: string }>();
    const response = await request(`/j/${code}`, { headers: { accept: "text/html" } });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-security-policy")).toContain("script-src 'self'");
    expect(await response.text()).toContain(`connect ${ORIGIN}/j/${code}`);
    const { publicKey, privateKey } = await newKeyPair();
    const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
    expect((await postJson(`/j/${code}`, { publicKey, name: "x", signature })).status).toBe(201);
  });
});

describe("the page of machines", () => {
  it("says what to do while there is none, and shows a viewer nothing to do", async () => {
    const cookie = await signIn(owner.apiKey);
    const response = await request("/agents", { headers: fromPage(cookie) });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("Make a pairing link");
    expect((await request("/agents", { headers: { accept: "text/html" } })).status).toBe(401);
  });
});

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeHandshake } from "../../shared/protocol/handshake.ts";
import { signEnrolment } from "../../shared/protocol/signatures.ts";
import { dial, newKeyPair, pair, RawSocket, saying, TestAgent } from "./support/agent.ts";
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
  statusesOf,
} from "./support/edge.ts";

let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});

async function newCode(): Promise<string> {
  const response = await postJson("/api/pairing-codes", {}, bearer(owner.apiKey));
  return (await response.json<{ code: string }>()).code;
}

async function agents() {
  const response = await request("/api/agents", { headers: bearer(owner.apiKey) });
  return (await response.json<{ agents: { id: string; name: string; online: boolean; lastSeenAt: string | null }[] }>())
    .agents;
}

describe("a pairing code", () => {
  it("is an address that lets one machine in, once", async () => {
    const made = await postJson("/api/pairing-codes", {}, bearer(owner.apiKey));
    expect(made.status).toBe(201);
    const { code, url, expiresAt } = await made.json<{ code: string; url: string; expiresAt: string }>();
    expect(url).toBe(`${ORIGIN}/j/${code}`);
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(9 * 60_000);
    const { publicKey, privateKey } = await newKeyPair();
    const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
    const joined = await postJson(`/j/${code}`, { publicKey, name: "desk", signature });
    expect(joined.status).toBe(201);
    expect(await joined.json()).toEqual({
      agentId: expect.any(String),
      origin: ORIGIN,
      tunnelUrl: "wss://edge.test/tunnel",
    });
    const again = await postJson(`/j/${code}`, { publicKey, name: "desk", signature });
    expect(again.status).toBe(410);
  });

  it("is used by one of several machines at once", async () => {
    const code = await newCode();
    const joins = await Promise.all(
      [1, 2, 3].map(async () => {
        const { publicKey, privateKey } = await newKeyPair();
        const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
        return await postJson(`/j/${code}`, { publicKey, name: "x", signature });
      }),
    );
    expect(statusesOf(joins)).toEqual([201, 410, 410]);
  });

  it("is not used up by a signature for another key, code or origin", async () => {
    const code = await newCode();
    const [mine, other] = [await newKeyPair(), await newKeyPair()];
    const wrong = [
      await signEnrolment(other.privateKey, { origin: ORIGIN, code }),
      await signEnrolment(mine.privateKey, { origin: ORIGIN, code: await newCode() }),
      await signEnrolment(mine.privateKey, { origin: "https://phishing.test", code }),
      "A".repeat(86),
    ];
    for (const signature of wrong) {
      const response = await postJson(`/j/${code}`, { publicKey: mine.publicKey, name: "x", signature });
      expect(response.status).toBe(400);
      expect((await errorOf(response)).param).toBe("signature");
    }
    const signature = await signEnrolment(mine.privateKey, { origin: ORIGIN, code });
    expect((await postJson(`/j/${code}`, { publicKey: mine.publicKey, name: "x", signature })).status).toBe(201);
  });

  it("expires, and a link to sign in is none", async () => {
    const { publicKey, privateKey } = await newKeyPair();
    const join = async (code: string) => {
      const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
      return (await postJson(`/j/${code}`, { publicKey, name: "x", signature })).status;
    };
    const code = await newCode();
    await env.DB.prepare("UPDATE one_time_codes SET expires_at = ?")
      .bind(Date.now() - 1)
      .run();
    expect(await join(code)).toBe(410);
    const link = await postJson("/api/sign-in-links", {}, bearer(owner.apiKey));
    const { url } = await link.json<{ url: string }>();
    expect(await join(url.slice(url.lastIndexOf("/") + 1))).toBe(410);
  });

  it("is made by the owner's session too, with or without a body", async () => {
    const cookie = await signIn(owner.apiKey);
    expect((await postJson("/api/pairing-codes", {}, fromPage(cookie))).status).toBe(201);
    expect((await request("/api/pairing-codes", { method: "POST", headers: fromPage(cookie) })).status).toBe(201);
  });

  it("gives a machine that pairs again the identity it had, and no rights of an account", async () => {
    const { publicKey, privateKey } = await newKeyPair();
    const join = async (name: string) => {
      const code = await newCode();
      const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
      const response = await postJson(`/j/${code}`, { publicKey, name, signature });
      return await response.json<{ agentId: string }>();
    };
    const first = await join("old name");
    const second = await join("new name");
    expect(Object.keys(second).toSorted()).toEqual(["agentId", "origin", "tunnelUrl"]);
    expect(second.agentId).toBe(first.agentId);
    expect((await agents()).find(({ id }) => id === first.agentId)?.name).toBe("new name");
    expect((await request("/v1/models", { headers: bearer(second.agentId) })).status).toBe(401);
  });
});

describe("the tunnel's door", () => {
  it("refuses pages, plain requests and what has no id", async () => {
    const { agentId } = await pair(owner.apiKey);
    const page = await dial(agentId, { origin: ORIGIN });
    expect(page.status).toBe(403);
    expect(page.webSocket ?? null).toBeNull();
    const plain = await request("/tunnel", { headers: { "porchlight-agent": agentId } });
    expect(plain.status).toBe(426);
    expect((await dial("")).status).toBe(400);
    expect((await dial("x".repeat(129))).status).toBe(400);
  });

  it("closes with 4401 on an unknown machine", async () => {
    const raw = new RawSocket(await dial(crypto.randomUUID()));
    expect(await raw.closed).toEqual({ code: 4401, reason: "agent_unknown" });
  });

  it("does not take an API key or another machine's signature for a proof", async () => {
    const mine = await pair(owner.apiKey);
    const other = await pair(owner.apiKey);
    await expect(TestAgent.connect({ ...mine, privateKey: other.privateKey }, saying())).rejects.toThrow(
      "agent_unknown",
    );
    await expect(TestAgent.connect({ ...mine, origin: "https://other.test" }, saying())).rejects.toThrow(
      "agent_unknown",
    );
    const withKey = new RawSocket(await dial(crypto.randomUUID(), bearer(owner.apiKey)));
    expect((await withKey.closed).code).toBe(4401);
  });

  it.each([
    ["text", "hello", 4400],
    ["noise", crypto.getRandomValues(new Uint8Array(40)), 4400],
    ["more than 64 KiB", new Uint8Array(64 * 1024 + 1), 4400],
    ["a message out of order", encodeHandshake({ type: "refused", error: { code: "internal", message: "" } }), 4400],
  ])("closes on %s instead of a proof", async (_name, message, code) => {
    const { agentId } = await pair(owner.apiKey);
    const raw = new RawSocket(await dial(agentId));
    await raw.next();
    raw.socket.send(message);
    expect((await raw.closed).code).toBe(code);
    expect((await agents()).find(({ id }) => id === agentId)?.online).toBe(false);
  });

  it("answers ping without a proof being needed", async () => {
    const { agentId } = await pair(owner.apiKey);
    const raw = new RawSocket(await dial(agentId));
    await raw.next();
    raw.socket.send("ping");
    await expect(raw.next()).rejects.toThrow("text: pong");
    raw.socket.close(1000, "");
  });
});

describe("revoking a machine", () => {
  it("closes its socket with 4403, keeps it out, and ends when it is paired again", async () => {
    const identity = await pair(owner.apiKey, "to be revoked");
    const agent = await TestAgent.connect(identity, saying("x"));
    const revoke = () =>
      request(`/api/agents/${identity.agentId}`, { method: "DELETE", headers: bearer(owner.apiKey) });
    expect((await revoke()).status).toBe(204);
    expect(await agent.closed).toMatchObject({ code: 4403 });
    expect((await agents()).map(({ id }) => id)).not.toContain(identity.agentId);
    const raw = new RawSocket(await dial(identity.agentId));
    expect(await raw.closed).toEqual({ code: 4403, reason: "agent_revoked" });
    expect((await revoke()).status).toBe(204);
  });

  it("closes a socket that is about to prove who it is", async () => {
    const { agentId } = await pair(owner.apiKey);
    const raw = new RawSocket(await dial(agentId));
    await raw.next();
    await request(`/api/agents/${agentId}`, { method: "DELETE", headers: bearer(owner.apiKey) });
    expect((await raw.closed).code).toBe(4403);
  });

  it("does not reach another account's machines", async () => {
    const { agentId } = await pair(owner.apiKey);
    const stranger = crypto.randomUUID();
    await env.DB.prepare("INSERT INTO accounts VALUES (?, 'x', 0)").bind(stranger).run();
    await insertUser(stranger, "owner");
    const key = await insertKey(stranger, "admin");
    const response = await request(`/api/agents/${agentId}`, { method: "DELETE", headers: bearer(key) });
    expect(response.status).toBe(404);
    const list = await request("/api/agents", { headers: bearer(key) });
    expect(await list.json()).toEqual({ agents: [] });
    expect((await agents()).map(({ id }) => id)).toContain(agentId);
  });
});

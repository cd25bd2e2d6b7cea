import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { BackupHead } from "../../../../shared/sessions/backup.ts";
import { signBackup } from "../../../../shared/protocol/signatures.ts";
import { type Identity, pair } from "../../support/agent.ts";
import { bearer, errorOf, type Owner, postJson, request, setUp } from "../../support/edge.ts";

const SESSION = `ses_${"0".repeat(26)}`;
const HEAD = `${SESSION}/1.head`;

describe("POST /api/agents/{id}/backup", () => {
  let owner: Owner;
  let machine: Identity;
  beforeAll(async () => {
    owner = await setUp();
    machine = await pair(owner.apiKey);
    await env.BACKUPS?.put(`backups/${owner.accountId}/${HEAD}`, "sealed");
    await env.BACKUPS?.put(`backups/another household/${SESSION}/2.head`, "theirs");
  });

  async function ask(call: unknown, change: object = {}, by = machine): Promise<Response> {
    const text = typeof call === "string" ? call : JSON.stringify(call);
    const claims = { origin: by.origin, agentId: by.agentId, time: Date.now(), call: text, ...change };
    const signature = await signBackup(by.privateKey, claims);
    return await postJson(`/api/agents/${by.agentId}/backup`, { time: claims.time, call: text, signature });
  }

  it("gives a machine its own household's objects, and no other's", async () => {
    expect(await (await ask({ op: "list" })).json()).toEqual({ names: [HEAD] });
    expect(await (await ask({ op: "list", after: HEAD })).json()).toEqual({ names: [] });
    const object = await (await ask({ op: "get", name: HEAD })).arrayBuffer();
    expect(new TextDecoder().decode(object)).toBe("sealed");
    expect((await ask({ op: "get", name: `${SESSION}/2.head` })).status).toBe(404);
  });

  it("takes back a session that was lost", async () => {
    const times = { createdAtMs: 1, updatedAtMs: 2 };
    const session = { id: SESSION, userId: owner.accountId, title: "Lost", ...times, turnCount: 1, settings: {} };
    const head: BackupHead = { version: 1, session, revision: 1, segments: [], parts: 1 };
    const turns = [
      { index: 0, createdAtMs: 1, messages: [{ role: "user", content: "hi" }], model: "", state: "complete" },
    ];
    expect(await (await ask({ op: "adopt", head, turns })).json()).toEqual({ state: "added" });
    expect(await (await ask({ op: "adopt", head, turns })).json()).toEqual({ state: "known" });
    const gap = { ...head, session: { ...session, id: `ses_${"1".repeat(26)}` } };
    expect(await errorOf(await ask({ op: "adopt", head: gap, turns: [] }))).toMatchObject({ code: "invalid_request" });
  });

  it.each<[string, unknown, object, string]>([
    ["a signature for another call", { op: "list" }, { call: "other" }, "agent_unknown"],
    ["a signature for another edge", { op: "list" }, { origin: "https://evil.example" }, "agent_unknown"],
    ["a signature of another machine", { op: "list" }, { agentId: "other" }, "agent_unknown"],
    ["an old signature", { op: "list" }, { time: Date.now() - 86_400_000 }, "invalid_request"],
    ["a name that climbs", { op: "get", name: "../other/x" }, {}, "invalid_request"],
    ["another operation", { op: "delete", name: HEAD }, {}, "invalid_request"],
    ["no JSON", "{", {}, "invalid_json"],
    ["JSON without end", "[".repeat(100_000), {}, "json_too_deep"],
  ])("refuses %s", async (_what, call, change, code) => {
    expect(await errorOf(await ask(call, change))).toMatchObject({ code });
  });

  it("refuses a machine that nobody knows, or that was revoked", async () => {
    const nobody = { ...machine, agentId: "nobody" };
    expect(await errorOf(await ask({ op: "list" }, {}, nobody))).toMatchObject({ code: "agent_unknown" });
    const former = await pair(owner.apiKey, "former");
    expect((await ask({ op: "list" }, {}, former)).status).toBe(200);
    await request(`/api/agents/${former.agentId}`, { method: "DELETE", headers: bearer(owner.apiKey) });
    expect(await errorOf(await ask({ op: "list" }, {}, former))).toMatchObject({ code: "agent_unknown" });
  });
});

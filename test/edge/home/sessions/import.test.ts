import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { sessionTables } from "../../../../edge/home/sessions/tables.ts";
import type { ExportedSession } from "../../../../shared/sessions/export/format.ts";
import type { ImportAnswer, ImportBatch } from "../../../../shared/sessions/import/batch.ts";
import { BatchRefusedError, importFile } from "../../../../shared/sessions/import/import-file.ts";
import type { ImportProblem } from "../../../../shared/sessions/import/problem.ts";
import { exportText } from "../../../support/export-files.ts";
import { bearer, insertKey, insertUser, type Owner, request, setUp } from "../../support/edge.ts";

let owner: Owner;
let member: string;

beforeAll(async () => {
  owner = await setUp();
  member = await insertKey(owner.accountId, "sessions", await insertUser(owner.accountId, "member"));
});

async function post(body: unknown, key = owner.apiKey): Promise<Response> {
  const headers = { ...bearer(key), "content-type": "application/json" };
  return await request("/api/sessions/import", { method: "POST", headers, body: JSON.stringify(body) });
}

/** Imports a file as the page and the command do. */
async function bringIn(parts: Iterable<string>, key = owner.apiKey) {
  const problems: ImportProblem[] = [];
  const send = async (batch: ImportBatch): Promise<ImportAnswer> => {
    const response = await post(batch, key);
    if (response.status === 400) throw new BatchRefusedError(await response.text());
    expect(response.status).toBe(200);
    return await response.json();
  };
  const count = await importFile(new Blob([...parts]), { send, onProblem: (problem) => problems.push(problem) });
  return { count, problems };
}

async function takeOut(path: string, key = owner.apiKey): Promise<string> {
  const response = await request(path, { headers: bearer(key) });
  expect(response.status).toBe(200);
  return new TextDecoder().decode(await response.arrayBuffer());
}

async function newMember(): Promise<string> {
  return await insertKey(owner.accountId, "sessions", await insertUser(owner.accountId, "member"));
}

/** With every field that a session and a turn can have. */
function fullSession(): ExportedSession {
  const id = `ses_${"7".repeat(26)}`;
  return {
    format: "porchlight.session",
    version: 1,
    id,
    title: "All of it ✓",
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_900_000,
    turnCount: 2,
    settings: {
      window: 3,
      summary: "off",
      retrieval: "off",
      memory: "off",
      instructions: "Be brief",
      model: "m",
      maxTokens: 9,
      temperature: 0.5,
    },
    summary: { text: "They talked.", upTo: 1 },
    forkedFrom: { sessionId: `ses_${"8".repeat(26)}`, upTo: 2 },
    source: "schedule",
    turns: [
      {
        index: 0,
        createdAtMs: 1_700_000_000_001,
        messages: [
          { role: "user", content: 'q \u0000 "quoted" 花园' },
          {
            role: "assistant",
            content: "",
            reasoning: "hm",
            toolCalls: [{ id: "c1", name: "look", arguments: '{"a":1}' }],
          },
          { role: "tool", toolCallId: "c1", content: "```\nfound\n```" },
          { role: "system", content: "s" },
          { role: "assistant", content: "a" },
        ],
        model: "starter",
        state: "complete",
        usage: { promptTokens: 1, completionTokens: 2, reasoningTokens: 3, cachedTokens: 4 },
        runId: "run-1",
        trace: { window: [0, 1], deep: { piece: [{ score: 0.5 }] } },
      },
      {
        index: 1,
        createdAtMs: 1_700_000_000_002,
        messages: [{ role: "user", content: "" }],
        model: "",
        state: "failed",
        error: { code: "agent_offline", message: "No machine.", retryAfterMs: 5 },
      },
    ],
  };
}

describe("an import", () => {
  it("brings conversations in once, each for its own person", async () => {
    const first = await bringIn(exportText("openai", 70));
    expect(first).toMatchObject({ count: { added: 70, known: 0, skipped: 0 }, problems: [] });
    const again = await bringIn(exportText("openai", 75));
    expect(again.count).toMatchObject({ added: 5, known: 70 });
    expect((await bringIn(exportText("claude", 5))).count).toMatchObject({ added: 5 });
    expect((await bringIn(exportText("openai", 3), member)).count).toMatchObject({ added: 3 });
    const lines = (await takeOut("/api/sessions/export")).trimEnd().split("\n");
    expect(lines).toHaveLength(80);
    expect((await takeOut("/api/sessions/export", member)).trimEnd().split("\n")).toHaveLength(3);
  });

  it("takes back all that an export has, and what is still there not twice", async () => {
    const key = await newMember();
    const full = fullSession();
    const { turns, ...session } = full;
    expect((await bringIn([JSON.stringify(full)], key)).count).toMatchObject({ added: 1 });
    const line = await takeOut("/api/sessions/export", key);
    const exported: ExportedSession = JSON.parse(line);
    expect(exported).toEqual({ ...session, id: exported.id, turns });
    expect(JSON.parse(await takeOut(`/api/sessions/${exported.id}/export`, key))).toEqual(exported);
    // The file of this very session, and the one that it came from.
    expect((await bringIn([line, JSON.stringify(full)], key)).count).toMatchObject({ added: 0, known: 1 + 1 });
    const other = await newMember();
    expect((await bringIn([line], other)).count).toMatchObject({ added: 1 });
    const copied: ExportedSession = JSON.parse(await takeOut("/api/sessions/export", other));
    expect({ ...copied, id: exported.id }).toEqual(exported);
  });

  it("leaves out of an own file what does not fit, alone", async () => {
    const key = await newMember();
    const ids = Array.from({ length: 9 }, (_, n) => `ses_${String(n).repeat(26)}`);
    const lines = ids.map((id, n) => {
      const { turns, ...full } = fullSession();
      return JSON.stringify({ ...full, id, turns, ...(n === 4 ? { settings: { window: "many" } } : {}) });
    });
    const { count, problems } = await bringIn(lines, key);
    expect(count).toMatchObject({ added: 8, skipped: 1 });
    expect(problems).toMatchObject([
      { code: "refused", label: "All of it ✓", detail: expect.stringContaining("window") },
    ]);
  });

  it("takes a long conversation whole, and refuses what is larger or damaged", { timeout: 20_000 }, async () => {
    const key = await newMember();
    const words = "word ".repeat(450_000);
    const say = (content: string) => ({
      sender: "human",
      text: content,
      content: [],
      created_at: "2025-01-01T00:00:00Z",
    });
    const long = [{ uuid: "long", name: "Long", chat_messages: [say(words), say(words)] }];
    expect((await bringIn([JSON.stringify(long)], key)).count).toMatchObject({ added: 1, skipped: 0 });
    const exported: ExportedSession = JSON.parse(await takeOut("/api/sessions/export", key));
    expect(exported.turns.map(({ messages }) => messages[0]?.content.length)).toEqual([2_250_000, 2_250_000]);
    expect((await post({ sessions: [], padding: "x".repeat(17 * 2 ** 20) }, key)).status).toBe(413);
    const [good] = [{ createdAtMs: 1, messages: [{ role: "user", content: "hi" }], model: "", state: "cancelled" }];
    const sent = {
      from: { kind: "claude", id: "c" },
      title: "",
      createdAtMs: 1,
      updatedAtMs: 1,
      settings: {},
      turns: [good],
    };
    for (const broken of [
      { ...sent, turns: [{ ...good, messages: [{ role: "assistant", content: "no question" }] }] },
      { ...sent, turns: [{ ...good, messages: [] }] },
      { ...sent, from: { kind: "other", id: "c" } },
      { ...sent, from: { kind: "claude", id: "" } },
      { ...sent, title: "x".repeat(201) },
      { ...sent, createdAtMs: -1 },
      { ...sent, settings: { window: 0 } },
    ]) {
      const response = await post({ sessions: [broken] }, key);
      expect([JSON.stringify(broken), response.status]).toEqual([JSON.stringify(broken), 400]);
    }
    expect((await post({ sessions: Array.from({ length: 51 }, () => sent) }, key)).status).toBe(400);
  });
});

describe("an export", () => {
  it("is Markdown for people", async () => {
    const key = await newMember();
    await bringIn([JSON.stringify(fullSession())], key);
    const { id }: ExportedSession = JSON.parse(await takeOut("/api/sessions/export", key));
    const text = await takeOut(`/api/sessions/${id}/export?format=markdown`, key);
    expect(text).toContain("# All of it ✓\n");
    expect(text).toContain('## You\n\nq \u0000 "quoted" 花园');
    expect(text).toContain('### look\n\n```\n{"a":1}\n```');
    expect(text).toContain("````\n```\nfound\n```\n````");
    expect(text).toContain("## Assistant (starter)\n\n> hm");
    expect(text).toContain("*(failed)*");
  });

  it("says which conversations are at a machine that is offline, and has the others", async () => {
    const key = await newMember();
    await bringIn(exportText("claude", 3), key);
    const lines = (await takeOut("/api/sessions/export", key)).trimEnd().split("\n");
    const { id, title, turnCount: to }: ExportedSession = JSON.parse(lines[1] ?? "");
    const home = env.HOME.getByName(owner.accountId);
    await runInDurableObject(home, (_home, { storage }) => {
      const { segments, sessions, turns } = sessionTables(storage.sql);
      segments.add({
        id: "seg_1",
        sessionId: id,
        from: 0,
        to,
        agentId: "gone",
        state: "cold",
        bytes: 9,
        backedUp: false,
      });
      sessions.setColdTo(id, to);
      turns.remove(id, 0, to);
    });
    // What it has in memory goes with it.
    await runInDurableObject(home, (_home, state) => state.abort("crash")).catch(() => undefined);
    const [first, second, third] = (await takeOut("/api/sessions/export", key)).trimEnd().split("\n");
    expect([first, third]).toEqual([lines[0], lines[2]]);
    expect(JSON.parse(second ?? "")).toMatchObject({
      format: "porchlight.problem",
      id,
      title,
      code: "archive_offline",
    });
    const alone = await request(`/api/sessions/${id}/export`, { headers: bearer(key) });
    expect([alone.status, await alone.json()]).toMatchObject([503, { error: { code: "archive_offline" } }]);
    const { count, problems } = await bringIn([first ?? "", second ?? "", third ?? ""], await newMember());
    expect([count.added, problems]).toMatchObject([2, [{ code: "not_exported", label: title }]]);
  });

  it("gives nobody another's, and no other format", async () => {
    await bringIn(exportText("claude", 1));
    const { id }: ExportedSession = JSON.parse((await takeOut("/api/sessions/export")).split("\n")[0] ?? "");
    const get = async (path: string, key: string): Promise<number> =>
      (await request(path, { headers: bearer(key) })).status;
    expect(await get(`/api/sessions/${id}/export`, await newMember())).toBe(404);
    expect(await get(`/api/sessions/${id}/export?format=exe`, owner.apiKey)).toBe(400);
    expect(await get("/api/sessions/export", await insertKey(owner.accountId, "inference"))).toBe(403);
    expect(await takeOut("/api/sessions/export", await newMember())).toBe("");
  });
});

import { describe, expect, it } from "vitest";
import { backupNames, decodeTurns, encodeTurns, latestHeads } from "../../../shared/sessions/backup.ts";
import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import { newSessionId, sessionIdSchema } from "../../../shared/sessions/session.ts";
import { resolveSettings, sessionSettingsSchema } from "../../../shared/sessions/settings.ts";
import { newTurnSchema } from "../../../shared/sessions/turn.ts";

describe("a session's id", () => {
  it("sorts by its time, and is never the same", () => {
    const ids = [0, 1, 31, 32, 1_790_000_000_000, 1_790_000_000_001, Number.MAX_SAFE_INTEGER].map(newSessionId);
    expect(ids.toSorted()).toEqual(ids);
    for (const id of ids) expect(sessionIdSchema.safeParse(id).success).toBe(true);
    expect(new Set(Array.from({ length: 1000 }, () => newSessionId(5))).size).toBe(1000);
  });
});

describe("settings", () => {
  it("are those of the nearest level that has them, each by itself", () => {
    const request = { window: 3 };
    const session = { window: 5, summary: "off" as const };
    const person = { summary: "auto" as const, instructions: "Be brief.", retrieval: "off" as const };
    expect(resolveSettings([request, session, person, { window: 12 }])).toEqual({
      window: 3,
      summary: "off",
      retrieval: "off",
      memory: "on",
      instructions: "Be brief.",
    });
    expect(resolveSettings([undefined, {}, { window: 12 }]).window).toBe(12);
    expect(resolveSettings([])).toEqual({ window: 8, summary: "auto", retrieval: "auto", memory: "on" });
  });

  it("that say nothing of something inherit it, however they say so", () => {
    const request = JSON.parse('{"window":4}') as object;
    const unset = { window: undefined };
    expect(resolveSettings([unset as object, request]).window).toBe(4);
  });

  it("are refused out of their range, and under other names", () => {
    const wrong = [
      { window: 0 },
      { window: 201 },
      { window: 1.5 },
      { summary: "on" },
      { instructions: "x".repeat(8001) },
      { temp: 1 },
    ];
    for (const settings of wrong) expect(sessionSettingsSchema.safeParse(settings).success).toBe(false);
  });
});

describe("a turn", () => {
  const turn = { createdAtMs: 1, messages: [{ role: "user", content: "x" }], model: "", state: "complete" };

  it("begins with what a person said", () => {
    expect(newTurnSchema.safeParse(turn).success).toBe(true);
    const answer = { role: "assistant", content: "x" };
    const many = Array.from({ length: SESSION_LIMITS.messagesPerTurn + 1 }, () => turn.messages[0]);
    for (const messages of [[], [answer], [answer, turn.messages[0]], many]) {
      expect(newTurnSchema.safeParse({ ...turn, messages }).success).toBe(false);
    }
    expect(newTurnSchema.safeParse({ ...turn, state: "done" }).success).toBe(false);
  });
});

describe("a backup", () => {
  it("has turns as lines, and refuses others", () => {
    const turns = [0, 1].map((index) => ({
      index,
      createdAtMs: 1,
      messages: [{ role: "user" as const, content: "line\nbreak \u2028 é🙂" }],
      model: "m",
      state: "complete" as const,
    }));
    expect(decodeTurns(encodeTurns(turns))).toEqual(turns);
    expect(decodeTurns(encodeTurns([]))).toEqual([]);
    for (const text of ["{}", "[]\n", '{"index":0', "\u0000"]) {
      expect(() => decodeTurns(new TextEncoder().encode(text))).toThrow();
    }
    expect(() => decodeTurns(Uint8Array.of(0xff))).toThrow();
  });

  it("is of its highest revision, whatever else lies there", () => {
    const [one, two] = [newSessionId(1), newSessionId(2)];
    const heads = latestHeads([
      backupNames.head(one, 9),
      backupNames.head(one, 10),
      backupNames.part(one, 11, 0),
      backupNames.head(two, 1),
      "junk.head",
      `${one}/x.head`,
      "__proto__/1.head",
    ]);
    expect([...heads]).toEqual([
      [one, { name: backupNames.head(one, 10), revision: 10 }],
      [two, { name: backupNames.head(two, 1), revision: 1 }],
    ]);
  });
});

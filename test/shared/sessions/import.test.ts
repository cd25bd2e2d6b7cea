import { describe, expect, it } from "vitest";
import type { ImportedSession } from "../../../shared/sessions/import/conversation.ts";
import type { ImportProblem } from "../../../shared/sessions/import/problem.ts";
import { readConversations } from "../../../shared/sessions/import/read-conversations.ts";
import { newTurnSchema } from "../../../shared/sessions/turn.ts";
import { CLAUDE_DAMAGES, OPENAI_DAMAGES } from "../../support/export-damages.ts";
import { type Damage, type ExportKind, exportText, openAiEntry } from "../../support/export-files.ts";

const NOW_MS = Date.UTC(2026, 10, 23);

async function read(text: string | Blob): Promise<{ sessions: ImportedSession[]; problems: ImportProblem[] }> {
  const file = typeof text === "string" ? new Blob([text]) : text;
  const sessions: ImportedSession[] = [];
  const problems: ImportProblem[] = [];
  for await (const item of readConversations(file, { nowMs: NOW_MS })) {
    if (item.session) sessions.push(item.session);
    problems.push(...item.problems);
  }
  return { sessions, problems };
}

function exported(kind: ExportKind, count: number, damaged?: ReadonlyMap<number, Damage>): string {
  return [...exportText(kind, count, damaged)].join("");
}

describe.each([
  ["openai", OPENAI_DAMAGES],
  ["claude", CLAUDE_DAMAGES],
] as const)("an export of %s", (kind, damages) => {
  it("is read whole where nothing is wrong with it, in pieces of any size", async () => {
    const { sessions, problems } = await read(exported(kind, 60));
    expect(problems).toEqual([]);
    expect(sessions).toHaveLength(60);
    for (const { turns } of sessions) for (const turn of turns) newTurnSchema.parse(turn);
    expect(sessions.flatMap(({ turns }) => turns).every(({ state }) => state === "complete")).toBe(true);
    expect(JSON.stringify(sessions)).not.toContain("ABANDONED");
  });

  it("says of each damaged entry by its number what is wrong, and keeps the rest", async () => {
    const damaged = new Map(damages.map((damage, at) => [at * 2 + 1, damage]));
    const count = damages.length * 2 + 1;
    const { sessions, problems } = await read(exported(kind, count, damaged));
    const whole = (await read(exported(kind, count))).sessions;
    const told = new Map(problems.map(({ entry, code }) => [(entry ?? 0) - 1, code]));
    for (const [at, { name, code }] of damaged) expect([name, told.get(at)]).toEqual([name, code]);
    expect(problems.find(({ entry }) => entry === 2)?.label).toMatch(/^Talk 1 /);
    const ids = new Set(sessions.map(({ from }) => from.id));
    const kept = [...damaged].filter(([, damage]) => damage.kept);
    const others = whole.filter((_, at) => !damaged.has(at) || damaged.get(at)?.kept);
    expect(others.map(({ from }) => from.id).filter((id) => !ids.has(id))).toEqual([]);
    expect(sessions).toHaveLength(damages.length + 1 + kept.length);
    expect(damages.length).toBeGreaterThanOrEqual(20);
    for (const { turns } of sessions) for (const turn of turns) newTurnSchema.parse(turn);
  });

  it("loses nothing but the entry that is damaged, whichever two are side by side", async () => {
    const damaged = new Map(damages.filter(({ kept }) => !kept).map((damage, at) => [at + 1, damage]));
    const { sessions, problems } = await read(exported(kind, damaged.size + 2, damaged));
    expect(sessions).toHaveLength(2);
    // Of what is broken behind an entry that is not closed, nobody can say where it begins.
    expect(problems.length).toBeGreaterThan(damaged.size / 2);
  });
});

describe("what is said in an export of OpenAI", () => {
  it("keeps text and names what is no text", async () => {
    const { sessions } = await read(JSON.stringify([openAiEntry(2), openAiEntry(4), openAiEntry(3), openAiEntry(1)]));
    const [image, attached, tool, thought] = sessions;
    expect(image?.turns[0]?.messages[0]?.content).toMatch(/^\[image: file_2\]\n\n\S/);
    expect(attached?.turns[0]?.messages[0]?.content).toContain("[attachment: notes 4.pdf]");
    const [, call, result, answer] = tool?.turns[0]?.messages ?? [];
    expect(call).toMatchObject({
      role: "assistant",
      toolCalls: [{ name: "python", arguments: '{"input":"print(3)"}' }],
    });
    expect(result).toMatchObject({ role: "tool", content: "3" });
    expect(result).toHaveProperty("toolCallId", call?.role === "assistant" ? call.toolCalls?.[0]?.id : "");
    expect(answer).toMatchObject({ role: "assistant" });
    expect(thought?.turns[0]?.messages[1]).toHaveProperty("reasoning", expect.stringMatching(/^Looking\n/));
    expect(thought?.turns[0]?.model).toBe("gpt-4o");
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ImportedSession } from "../../../shared/sessions/import/conversation.ts";
import { BatchRefusedError, importFile } from "../../../shared/sessions/import/import-file.ts";
import { JsonSplitter, type SplitEntry } from "../../../shared/sessions/import/json-splitter.ts";
import { IMPORT_LIMITS } from "../../../shared/sessions/import/limits.ts";
import type { ImportProblem } from "../../../shared/sessions/import/problem.ts";
import { readConversations } from "../../../shared/sessions/import/read-conversations.ts";
import { timeMs } from "../../../shared/sessions/import/times.ts";
import { exportText, openAiEntry } from "../../support/export-files.ts";
import { type ZipPart, zipOf } from "../../support/zip-writer.ts";

/** What means something in JSON, and what does not. */
const BREAKING = ['"', "{", "}", "[", "]", ",", ":", "\\", "x", "\n"];
const GOOD = '{"uuid":"kept","name":"kept","created_at":"2025-01-01","chat_messages":[{"sender":"human","text":"hi"}]}';

async function read(
  ...parts: (string | Uint8Array<ArrayBuffer>)[]
): Promise<{ sessions: ImportedSession[]; problems: ImportProblem[] }> {
  const sessions: ImportedSession[] = [];
  const problems: ImportProblem[] = [];
  for await (const item of readConversations(new Blob(parts), { nowMs: Date.UTC(2026, 0) })) {
    if (item.session) sessions.push(item.session);
    problems.push(...item.problems);
  }
  return { sessions, problems };
}

/** What a file gives: how many conversations, and the codes of its problems. */
async function codes(...parts: (string | Uint8Array<ArrayBuffer>)[]): Promise<[number, ...string[]]> {
  const { sessions, problems } = await read(...parts);
  return [sessions.length, ...problems.map(({ code }) => code)];
}

describe("a file", () => {
  it.each([
    ["of nothing", "", [0, "empty"]],
    ["of spaces", " \n\t", [0, "empty"]],
    ["of HTML", "<!doctype html>", [0, "not_export"]],
    ["of one word", "hello", [0, "not_export"]],
    ["in UTF-16", "\u005b\u0000\u007b\u0000", [0, "stray_text"]],
    ["of an empty list", "[]", [0]],
    ["of one conversation", GOOD, [1]],
    ["with a byte order mark", `\uFEFF[${GOOD}]`, [1]],
    ["with its list in an object", `{"account":{"a":[1]},"conversations":[${GOOD}],"more":[{}]}`, [1]],
    ["of a line for each", `${GOOD}\n${GOOD.replaceAll("kept", "other")}\n`, [2]],
    ["with the same conversation twice", `[${GOOD},${GOOD}]`, [1, "duplicate"]],
    ["whose list does not end", `[${GOOD},`, [1, "unfinished"]],
    ["that ends in a conversation", `[${GOOD},{"uuid":"x","name":"cut`, [1, "truncated"]],
    ["that ends in a number", "[1", [0, "not_object", "unfinished"]],
    ["of a million open brackets", "[".repeat(1_000_000), [0, "too_deep"]],
    ["of a million brackets in a conversation", `[{"title":${"[".repeat(1_000_000)},${GOOD}]`, [1, "too_deep"]],
    ["of a million objects in each other", `${'{"a":'.repeat(1_000_000)}1`, [0, "too_deep"]],
    ["of many closing brackets", `[${"]".repeat(1000)},${GOOD}]`, [1, "stray_text", "stray_text"]],
    ["of a newer Porchlight", '{"format":"porchlight.session","version":2}', [0, "newer_version"]],
    ["of half a Porchlight session", '{"format":"porchlight.session","version":1,"turns":[]}', [0, "bad_turn"]],
    [
      "with a line that an export could not read",
      '{"format":"porchlight.problem","message":"off"}',
      [0, "not_exported"],
    ],
  ])("%s", async (_name, text, expected) => {
    expect(await codes(text)).toEqual(expected);
  });

  it("with a string of 50 MB is read on behind it, without holding it", async () => {
    const mb = "x".repeat(2 ** 20);
    const long = Array.from({ length: 50 }, () => mb);
    expect(await codes('[{"title":"', ...long, '","create_time":1},', GOOD, "]")).toEqual([1, "too_large"]);
  });

  it("may have prototypes for names", async () => {
    const text = `[{"title":"p","create_time":1,"current_node":"__proto__","mapping":{"__proto__":{"parent":"constructor","message":null}}}]`;
    expect(await codes(text)).toEqual([0, "broken_branch", "no_time", "no_messages"].toSpliced(1, 2));
    expect(({} as Record<string, unknown>)["message"]).toBeUndefined();
  });

  it("with half a character in it is taken without it", async () => {
    const { sessions } = await read(GOOD.replace("hi", String.raw`h\ud800i`));
    expect(sessions[0]?.turns[0]?.messages[0]?.content).toBe("h\uFFFDi");
  });
});

describe("a zip", () => {
  const whole: ZipPart = { name: "conversations.json", bytes: Buffer.from(`[${GOOD}]`) };

  it.each<[string, ZipPart[], [number, ...string[]]]>([
    ["as it should be", [whole], [1]],
    [
      "with it in a folder, and other files",
      [
        { name: "chat.html", bytes: Buffer.from("<p>") },
        { ...whole, name: "a/b/conversations.json" },
      ],
      [1],
    ],
    ["with it stored", [{ ...whole, stored: true }], [1]],
    [
      "with several",
      [
        { ...whole, name: "conversations-001.json" },
        { ...whole, name: "conversations-000.json" },
      ],
      [1, "duplicate"],
    ],
    ["of nothing", [], [0, "no_conversations"]],
    ["without it", [{ ...whole, name: "user.json" }], [0, "no_conversations"]],
    ["with .. in its name", [{ ...whole, name: "../conversations.json" }], [0, "unsafe_name"]],
    [
      "with .. in a name of Windows",
      [{ ...whole, name: String.raw`a\..\conversations.json` }, whole],
      [1, "unsafe_name"],
    ],
    ["with an absolute name", [{ ...whole, name: "/etc/conversations.json" }], [0, "unsafe_name"]],
    ["with a drive in its name", [{ ...whole, name: String.raw`C:\conversations.json` }], [0, "unsafe_name"]],
    ["that is encrypted", [{ ...whole, flags: 1 }], [0, "bad_zip"]],
    ["of another compression", [{ ...whole, method: 12 }], [0, "bad_zip"]],
    ["that is no deflate", [{ ...whole, stored: true, method: 8 }], [0, "bad_zip"]],
    ["that claims more than there is", [{ ...whole, packedBytes: 1_000_000 }], [0, "bad_zip"]],
    ["that claims less than there is", [{ ...whole, packedBytes: 20 }], [0, "bad_zip"]],
    ["of zeros without end", [{ ...whole, bytes: Buffer.alloc(40 * 2 ** 20, 0x20) }], [0, "bomb"]],
  ])("%s", async (_name, parts, expected) => {
    const found = await codes(zipOf(parts, "a comment"));
    expect(found.filter((code) => code !== "truncated")).toEqual(expected);
  });

  it("of many names for the same bytes is read no further than one of them would be", async () => {
    const [part] = [{ ...whole, bytes: Buffer.alloc(5 * 2 ** 20, 0x20) }];
    const zip = zipOf(Array.from({ length: 9 }, (_, n) => ({ ...part, name: `conversations-${n}.json` })));
    // All names now lead to the first one's bytes.
    for (let at = zip.indexOf("PK\u0001\u0002"); at !== -1; at = zip.indexOf("PK\u0001\u0002", at + 1)) {
      zip.writeUInt32LE(0, at + 42);
    }
    const [kept, ...found] = await codes(zip);
    expect([kept, new Set(found)]).toEqual([0, new Set(["empty", "bomb"])]);
    expect(found.indexOf("bomb")).toBe(6);
  });

  it("that is cut off anywhere, or has any byte changed, is refused or read, never worse", async () => {
    const zip = zipOf([whole]);
    for (let length = 4; length < zip.length; length += 3) {
      expect((await codes(zip.subarray(0, length)))[1]).toBe("bad_zip");
    }
    const change = async (at: number, value: number): Promise<void> => {
      const changed = Buffer.from(zip);
      changed[at] = value;
      const { sessions, problems } = await read(changed);
      expect(sessions.length + problems.length).toBeGreaterThan(0);
    };
    const cases = fc.asyncProperty(fc.nat(zip.length - 1), fc.nat(255), change);
    await fc.assert(cases, { numRuns: 200, seed: 7 });
  });
});

describe("the splitter", () => {
  function split(bytes: Uint8Array, cuts: readonly number[]): SplitEntry[] {
    const splitter = new JsonSplitter();
    const found: SplitEntry[] = [];
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      const to = Math.max(from, Math.min(cut, bytes.length));
      found.push(...splitter.push(bytes.slice(from, to)));
      from = to;
    }
    return [...found, ...splitter.end()];
  }

  it("reads what JSON.parse reads, however it is cut", () => {
    const values = fc.array(fc.jsonValue({ depthSize: "small" }), { maxLength: 6 });
    const cuts = fc.array(fc.nat(200), { maxLength: 8 });
    fc.assert(
      fc.property(values, cuts, (list, at) => {
        const bytes = new TextEncoder().encode(JSON.stringify(list, null, 1));
        const found = split(
          bytes,
          at.toSorted((a, b) => a - b),
        );
        expect(found.map((entry) => ("value" in entry ? entry.value : entry.problem))).toEqual(
          JSON.parse(JSON.stringify(list)),
        );
      }),
      { numRuns: 100 },
    );
  });

  it("loses at most the entry in which bytes are changed, and one beside it", () => {
    const entries = [0, 1, 2, 3, 4, 5].map((i) => openAiEntry(i));
    const bytes = new TextEncoder().encode(JSON.stringify(entries));
    const ids = entries.map(({ id }) => id);
    let position = 0;
    const ends = entries.map((entry) => (position += new TextEncoder().encode(JSON.stringify(entry)).length + 1));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: bytes.length - 2 }), fc.constantFrom(...BREAKING), (at, byte) => {
        const changed = bytes.slice();
        changed[at] = byte.charCodeAt(0);
        const damaged = ends.findIndex((end) => at <= end);
        const found = split(changed, [at]);
        const kept = new Set(
          found.map((entry) => ("value" in entry ? (entry.value as { id?: unknown } | null)?.id : undefined)),
        );
        const lost = ids.flatMap((id, i) => (kept.has(id) ? [] : [i]));
        expect(lost.filter((i) => i !== damaged && i !== damaged + 1)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

describe("times", () => {
  it.each([
    [1_700_000_000, 1_700_000_000_000],
    [1_700_000_000.1239, 1_700_000_000_124],
    [1_700_000_000_123, 1_700_000_000_123],
    [1_700_000_000_123_456, 1_700_000_000_123],
    ["1700000000.5", 1_700_000_000_500],
    ["2025-01-02T03:04:05.123456+00:00", Date.UTC(2025, 0, 2, 3, 4, 5, 123)],
    ["2025-01-02T03:04:05Z", Date.UTC(2025, 0, 2, 3, 4, 5)],
    ["2025-01-02 03:04:05", Date.UTC(2025, 0, 2, 3, 4, 5)],
    ["2025-01-02T03:04:05+0200", Date.UTC(2025, 0, 2, 1, 4, 5)],
    ["2025-01-02", Date.UTC(2025, 0, 2)],
    [0, undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    [1e300, undefined],
    ["soon", undefined],
    ["2025-13-45T99:00:00Z", undefined],
    [null, undefined],
    [{}, undefined],
  ])("%j", (value, expected) => {
    expect(timeMs(value)).toBe(expected);
  });
});

describe("an import", () => {
  it("sends batches that fit, and finds the one that is refused", async () => {
    const sizes: number[] = [];
    const problems: ImportProblem[] = [];
    const text = [...exportText("claude", 200)].join("");
    const bad = (JSON.parse(text) as { uuid: string }[])[57]?.uuid; // the generator wrote it
    const count = await importFile(new Blob([text]), {
      send: async ({ sessions }) => {
        sizes.push(JSON.stringify(sessions).length);
        expect(sessions.length).toBeLessThanOrEqual(IMPORT_LIMITS.batchSessions);
        if (sessions.some(({ from }) => from.id === bad)) throw new BatchRefusedError("no");
        return await Promise.resolve({ sessions: sessions.map(() => ({ state: "added", id: "ses_1", error: null })) });
      },
      onProblem: (problem) => problems.push(problem),
    });
    expect(count).toMatchObject({ added: 199, known: 0, skipped: 1 });
    expect(problems).toMatchObject([{ code: "refused", detail: "no", label: expect.stringMatching(/^Talk 57 /) }]);
    expect(Math.max(...sizes)).toBeLessThan(IMPORT_LIMITS.batchBytes);
  });

  it("refuses what is too long for one piece", async () => {
    const say = { sender: "human", text: "word ".repeat(700_000) };
    const huge = { uuid: "h", name: "h", chat_messages: [say, say, say, say, say] };
    expect(await codes(JSON.stringify([huge]), "")).toEqual([0, "conversation_too_large"]);
  });
});

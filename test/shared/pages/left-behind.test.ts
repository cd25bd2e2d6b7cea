import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { titleFrom } from "../../../edge/pages/client/logic/conversation.ts";
import { type KeyValueStorage, leftBehind } from "../../../edge/pages/client/logic/left-behind.ts";
import { bringOver } from "../../../edge/pages/client/ui/bring-over.ts";
import { Sessions } from "../../../edge/pages/client/logic/sessions.ts";
import { importBatchSchema } from "../../../shared/sessions/import/batch.ts";

class MapStorage implements KeyValueStorage {
  readonly entries = new Map<string, string>();

  get length(): number {
    return this.entries.size;
  }

  key(index: number): string | null {
    return [...this.entries.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.entries.set(key, value);
  }

  removeItem(key: string): void {
    this.entries.delete(key);
  }
}

const PREFIX = "porchlight/conversation/ada/";

/** As the former page wrote it. */
function written(id: string, messages: object[]): [string, string] {
  const conversation = { id, title: "Trees", createdAt: 1000, updatedAt: 2000.5, messages };
  return [PREFIX + id, JSON.stringify({ version: 1, conversation })];
}

const MESSAGES = [
  { role: "user", content: "Which trees?", state: "done" },
  { role: "assistant", content: "Oaks.", state: "done", tokens: 3 },
  { role: "user", content: "And?", state: "done" },
  { role: "assistant", content: "El", state: "stopped" },
  { role: "user", content: "Hello?", state: "done" },
];

function storageWith(...entries: [string, string][]): MapStorage {
  const storage = new MapStorage();
  for (const [key, value] of entries) storage.setItem(key, value);
  return storage;
}

describe("conversations that a browser kept", () => {
  it("become turns as the edge takes them, without those of others", () => {
    const storage = storageWith(written("aaaaaaaa", MESSAGES), ["porchlight/conversation/grace/aaaaaaaa", "{}"]);
    const [found, ...others] = leftBehind(storage, "ada");
    expect(others).toEqual([]);
    expect(found?.session).toMatchObject({ title: "Trees", updatedAtMs: 2001, from: { id: "aaaaaaaa" } });
    expect(found?.session.turns.map(({ state, messages }) => [state, messages.length])).toEqual([
      ["complete", 2],
      ["cancelled", 2],
      ["failed", 1],
    ]);
    expect(importBatchSchema.parse({ sessions: [found?.session] }).sessions).toHaveLength(1);
  });

  it("are skipped where something else stands under their keys", () => {
    const [key, good] = written("aaaaaaaa", MESSAGES);
    const broken = ["", "{", "null", "[]", '"x"', "{}", good.replace('"version":1', '"version":2'), good];
    const storage = storageWith([key, good]);
    broken.forEach((text, index) => storage.setItem(`${PREFIX}bad-entry-${index}`, text));
    expect(leftBehind(storage, "ada").map((found) => found.key)).toEqual([key]);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(leftBehind(storageWith([key, text]), "ada")).toEqual([]);
      }),
    );
  });

  it("go over once, and stay where that fails", async () => {
    const storage = storageWith(written("aaaaaaaa", MESSAGES), written("bbbbbbbb", MESSAGES), written("cccccccc", []));
    const answers = [{ state: "added" }, { state: "refused" }];
    const sessions = new Sessions(async () => Response.json({ sessions: [answers.shift()] }));
    expect(await bringOver(storage, "ada", sessions)).toBe(2);
    expect([...storage.entries.keys()]).toEqual([`${PREFIX}bbbbbbbb`]);
  });
});

describe("titleFrom", () => {
  it("takes the first line and cuts between characters", () => {
    expect(titleFrom("  What   is\tthis?\nmore")).toBe("What is this?");
    expect(titleFrom("👩‍💻".repeat(70))).toBe(`${"👩‍💻".repeat(59)}…`);
  });
});

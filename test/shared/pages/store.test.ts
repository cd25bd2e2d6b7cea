import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Conversation, newConversation, titleFrom } from "../../../edge/pages/client/logic/conversation.ts";
import { ConversationStore, type KeyValueStorage } from "../../../edge/pages/client/logic/store.ts";

/** Web Storage with a quota in characters, as browsers have it. */
class QuotaStorage implements KeyValueStorage {
  readonly entries = new Map<string, string>();
  private readonly quotaChars: number;

  constructor(quotaChars = 5_000_000) {
    this.quotaChars = quotaChars;
  }

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
    const others = [...this.entries].filter(([other]) => other !== key);
    const used = others.reduce((sum, [other, text]) => sum + other.length + text.length, 0);
    if (used + key.length + value.length > this.quotaChars) throw new DOMException("full", "QuotaExceededError");
    this.entries.set(key, value);
  }

  removeItem(key: string): void {
    this.entries.delete(key);
  }
}

function conversationOf(question: string, updatedAt = 1000): Conversation {
  return {
    ...newConversation(updatedAt),
    title: question.slice(0, 20),
    messages: [{ role: "user", content: question, state: "done" }],
  };
}

describe("ConversationStore", () => {
  it("gives back what was saved, the newest first", () => {
    const store = new ConversationStore(new QuotaStorage(), "ada");
    const [older, newer] = [conversationOf("older", 1), conversationOf("newer", 2)];
    expect(store.save(newer)).toBe("saved");
    expect(store.save(older)).toBe("saved");
    expect(store.list()).toEqual([newer, older]);
    store.remove(newer.id);
    expect(store.list()).toEqual([older]);
  });

  it("keeps accounts apart", () => {
    const storage = new QuotaStorage();
    new ConversationStore(storage, "ada").save(conversationOf("mine"));
    expect(new ConversationStore(storage, "grace").list()).toEqual([]);
  });

  it("marks an answer that a page left half-way as interrupted, with what had come of it", () => {
    const storage = new QuotaStorage();
    const conversation = conversationOf("question");
    conversation.messages.push({ role: "assistant", content: "Half an ans", state: "streaming" });
    new ConversationStore(storage, "ada").save(conversation);
    const [loaded] = new ConversationStore(storage, "ada").list();
    expect(loaded?.messages[1]).toEqual({ role: "assistant", content: "Half an ans", state: "interrupted" });
  });

  it("skips whatever else is stored under its keys", () => {
    const storage = new QuotaStorage();
    const store = new ConversationStore(storage, "ada");
    const good = conversationOf("good");
    store.save(good);
    const [key = ""] = storage.entries.keys();
    const prefix = key.slice(0, -good.id.length);
    const stored = storage.getItem(key) ?? "";
    const broken = ["", "{", "null", "[]", '"x"', "{}", stored.replace('"version":1', '"version":2'), stored];
    broken.forEach((text, index) => storage.setItem(`${prefix}bad-entry-${index}`, text));
    expect(store.list()).toEqual([good]);
  });

  it("does not break on any stored text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const storage = new QuotaStorage();
        storage.setItem("porchlight/conversation/ada/aaaaaaaa", text);
        expect(new ConversationStore(storage, "ada").list()).toEqual([]);
      }),
    );
  });

  it("stays within its bound by dropping the oldest", () => {
    const storage = new QuotaStorage(Number.POSITIVE_INFINITY);
    const store = new ConversationStore(storage, "ada");
    const saved = Array.from({ length: 5 }, (_, index) => conversationOf("x".repeat(900_000), index));
    const results = saved.map((conversation) => store.save(conversation));
    expect(results).toEqual(["saved", "saved", "saved", "evicted", "evicted"]);
    expect(store.list().map(({ updatedAt }) => updatedAt)).toEqual([4, 3, 2]);
  });

  it("keeps at most a hundred conversations", () => {
    const store = new ConversationStore(new QuotaStorage(), "ada");
    for (let index = 0; index < 103; index++) store.save(conversationOf("short", index));
    expect(store.list().map(({ updatedAt }) => updatedAt)).toEqual(Array.from({ length: 100 }, (_, i) => 102 - i));
  });

  it("makes room in a full browser, and says so when there is none", () => {
    const storage = new QuotaStorage(3000);
    const store = new ConversationStore(storage, "ada");
    expect(store.save(conversationOf("x".repeat(2000), 1))).toBe("saved");
    expect(store.save(conversationOf("y".repeat(2000), 2))).toBe("evicted");
    expect(store.list().map(({ updatedAt }) => updatedAt)).toEqual([2]);
    expect(store.save(conversationOf("z".repeat(4000), 3))).toBe("refused");
  });

  it("never drops the conversation that is being saved", () => {
    const store = new ConversationStore(new QuotaStorage(3000), "ada");
    const oldest = conversationOf("x".repeat(500), 1);
    store.save(oldest);
    store.save(conversationOf("y".repeat(1000), 2));
    oldest.messages.push({ role: "assistant", content: "z".repeat(1200), state: "done" });
    expect(store.save(oldest)).toBe("evicted");
    expect(store.list()).toEqual([oldest]);
  });
});

describe("titleFrom", () => {
  it("takes the first line and cuts between characters", () => {
    expect(titleFrom("  What   is\tthis?\nmore")).toBe("What is this?");
    expect(titleFrom("👩‍💻".repeat(70))).toBe(`${"👩‍💻".repeat(59)}…`);
  });
});

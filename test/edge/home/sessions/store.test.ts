import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { SessionStore, type SessionStoreOptions } from "../../../../edge/home/sessions/store.ts";
import { sessionTables } from "../../../../edge/home/sessions/tables.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { SESSION_LIMITS } from "../../../../shared/sessions/limits.ts";
import type { NewTurn } from "../../../../shared/sessions/turn.ts";

const NOW = 1_790_000_000_000;
let objects = 0;

/** A store over the SQLite of an object of its own. */
async function withStore(
  test: (store: SessionStore, more: { reopen: () => SessionStore; clock: { nowMs: number } }) => Promise<void> | void,
  options: Partial<SessionStoreOptions> = {},
): Promise<void> {
  const stub = env.HOME.getByName(`sessions of the store's tests ${(objects += 1)}`);
  await runInDurableObject(stub, async (_home, { storage }) => {
    const clock = { nowMs: NOW };
    const reopen = (): SessionStore =>
      new SessionStore({
        tables: sessionTables(storage.sql),
        transaction: (step) => storage.transactionSync(step),
        hotTurns: 10,
        now: () => clock.nowMs,
        ...options,
      });
    await test(reopen(), { reopen, clock });
  });
}

const turn = (question: string, more: Partial<NewTurn> = {}): NewTurn => ({
  createdAtMs: NOW,
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: `About: ${question}` },
  ],
  model: "starter",
  state: "complete",
  ...more,
});

const asked = (question: string): NewTurn => ({
  createdAtMs: NOW,
  messages: [{ role: "user", content: question }],
  model: "starter",
  state: "answering",
  runId: `run of ${question}`,
});

const codeOf = (call: () => unknown): string | undefined => {
  try {
    call();
    return undefined;
  } catch (error) {
    return PorchlightError.from(error).code;
  }
};

describe("sessions", () => {
  it("keep turns in their order, over a restart too", async () => {
    await withStore(async (store, { reopen }) => {
      const { id } = store.create({ userId: "ann", title: "Trees" });
      for (let index = 0; index < 25; index++) store.addTurn(id, turn(`question ${index}`));
      for (const one of [store, reopen()]) {
        const turns = await one.turns(id, 3, 9);
        expect(turns.map(({ index }) => index)).toEqual([3, 4, 5, 6, 7, 8]);
        expect(turns[0]?.messages[0]?.content).toBe("question 3");
        expect(await one.turns(id, 0, 1000)).toHaveLength(25);
        expect(one.get(id, "ann")).toMatchObject({ title: "Trees", turnCount: 25 });
      }
    });
  });

  it("are their person's alone", async () => {
    await withStore(async (store) => {
      const { id } = store.create({ userId: "ann", title: "Secret" });
      store.addTurn(id, turn("the word is heliotrope"));
      expect(store.get(id, "bob")).toBeUndefined();
      expect(store.change(id, "bob", { title: "Mine" })).toBeUndefined();
      expect(store.remove(id, "bob")).toBe(false);
      await expect(store.fork(id, "bob", 1)).rejects.toMatchObject({ code: "not_found" });
      expect(store.list({ userId: "bob", limit: 10 })).toEqual([]);
      expect(store.list({ userId: "bob", limit: 10, query: "secret" })).toEqual([]);
      expect((await store.search("bob", "heliotrope", 10)).hits).toEqual([]);
      expect((await store.search("ann", "heliotrope", 10)).hits).toHaveLength(1);
    });
  });

  it("end a turn once, by the generation that answers it", async () => {
    await withStore(async (store) => {
      const { id } = store.create({ userId: "ann" });
      store.addTurn(id, asked("a"));
      expect(store.turnOfRun("run of a")).toEqual({ sessionId: id, index: 0 });
      expect(store.answering()).toEqual([{ sessionId: id, index: 0 }]);
      expect(codeOf(() => store.addTurn(id, asked("b")))).toBe("session_busy");
      await expect(store.replaceLast(id, asked("b"))).rejects.toMatchObject({ code: "session_busy" });
      const end = { messages: turn("a").messages, state: "complete" } as const;
      expect(store.finishTurn(id, 0, { ...end, runId: "another" })).toBeUndefined();
      expect(store.finishTurn(id, 0, { ...end, runId: "run of a" })).toMatchObject({ state: "complete", index: 0 });
      expect(store.finishTurn(id, 0, { ...end, state: "failed" })).toBeUndefined();
      expect((await store.turns(id, 0, 1))[0]).toMatchObject({ state: "complete", messages: turn("a").messages });
      expect((await store.search("ann", "about", 10)).hits).toHaveLength(1);
    });
  });

  it("replace their last turn, and find the old one no more", async () => {
    await withStore(async (store) => {
      const { id } = store.create({ userId: "ann" });
      store.addTurn(id, turn("first"));
      store.addTurn(id, turn("quokka"));
      store.setSummary(id, { text: "About quokkas", upTo: 2 });
      await store.replaceLast(id, turn("wombat"));
      expect((await store.turns(id, 0, 9)).map(({ messages }) => messages[0]?.content)).toEqual(["first", "wombat"]);
      expect((await store.search("ann", "quokka", 10)).hits).toEqual([]);
      expect((await store.search("ann", "wombat", 10)).hits).toMatchObject([{ sessionId: id, index: 1 }]);
      expect(store.find(id)?.summary).toBeUndefined();
    });
  });

  it("fork into another that goes its own way", async () => {
    await withStore(async (store) => {
      const { id } = store.create({ userId: "ann", title: "Trees", settings: { window: 3 } });
      for (const question of ["a", "b", "c"]) store.addTurn(id, turn(question));
      const forked = await store.fork(id, "ann", 2);
      expect(forked).toMatchObject({ title: "Trees", turnCount: 2, settings: { window: 3 } });
      expect(forked.forkedFrom).toEqual({ sessionId: id, upTo: 2 });
      store.addTurn(forked.id, turn("d"));
      expect(store.remove(id, "ann")).toBe(true);
      expect((await store.turns(forked.id, 0, 9)).map(({ messages }) => messages[0]?.content)).toEqual(["a", "b", "d"]);
      await expect(store.turns(id, 0, 9)).rejects.toMatchObject({ code: "not_found" });
      await expect(store.fork(forked.id, "ann", 4)).rejects.toMatchObject({ code: "invalid_request" });
    });
  });

  it("are listed page by page, the latest change first", async () => {
    await withStore((store, { clock }) => {
      const ids = Array.from({ length: 7 }, (_, at) => {
        clock.nowMs = NOW + Math.floor(at / 3); // Some in the same millisecond.
        return store.create({ userId: "ann", title: `Session ${at}` }).id;
      });
      clock.nowMs = NOW + 100;
      store.addTurn(ids[0] ?? "", turn("again"));
      const seen: string[] = [];
      for (let before: { updatedAtMs: number; id: string } | undefined; ; ) {
        const page = store.list({ userId: "ann", limit: 2, ...(before === undefined ? {} : { before }) });
        seen.push(...page.map(({ id }) => id));
        before = page.at(-1);
        if (before === undefined) break;
      }
      expect(seen[0]).toBe(ids[0]);
      expect(seen.toSorted()).toEqual(ids.toSorted());
      expect(store.list({ userId: "ann", limit: 10, query: "session 3" })).toMatchObject([{ id: ids[3] }]);
    });
  });

  it("hold turns larger than a row, and refuse those larger than a turn may be", async () => {
    await withStore(async (store, { reopen }) => {
      const { id } = store.create({ userId: "ann" });
      const content = "é".repeat(900_000);
      store.addTurn(id, turn(content));
      expect((await reopen().turns(id, 0, 1))[0]?.messages[0]?.content).toBe(content);
      expect(codeOf(() => store.addTurn(id, turn("x".repeat(SESSION_LIMITS.turnBytes))))).toBe("body_too_large");
      expect(codeOf(() => store.addTurn(id, { ...turn("x"), messages: [] }))).toBe("invalid_request");
      expect(store.find(id)?.turnCount).toBe(1);
      store.addTurn(id, asked("long"));
      const messages = turn("x".repeat(SESSION_LIMITS.turnBytes)).messages;
      expect(store.finishTurn(id, 1, { messages, state: "complete" })).toMatchObject({ state: "failed" });
      store.remove(id, "ann");
      await expect(reopen().turns(id, 0, 1)).rejects.toMatchObject({ code: "not_found" });
    });
  });

  it("come in from elsewhere once, whole or not at all", async () => {
    await withStore(async (store) => {
      const imported = {
        userId: "ann",
        sourceId: "openai:1",
        title: "Old talk",
        createdAtMs: 5,
        turns: [turn("x"), turn("y")],
      };
      const first = store.importSession(imported);
      expect(first.known).toBe(false);
      expect(store.importSession({ ...imported, title: "Other" })).toEqual({ session: first.session, known: true });
      expect(store.importSession({ ...imported, userId: "bob" }).known).toBe(false);
      expect(await store.turns(first.session.id, 0, 9)).toHaveLength(2);
      const broken = { ...imported, sourceId: "openai:2", turns: [turn("x"), { ...turn("y"), messages: [] }] };
      expect(codeOf(() => store.importSession(broken))).toBe("invalid_request");
      expect(store.list({ userId: "ann", limit: 10 })).toHaveLength(1);
    });
  });

  it("go with their person", async () => {
    await withStore(async (store) => {
      const { id } = store.create({ userId: "ann", title: "Trees" });
      const bobs = store.create({ userId: "bob", title: "Trees" });
      store.addTurn(id, turn("oak"));
      store.setSettingsOf("ann", { window: 4 });
      store.personGone("ann");
      expect(store.find(id)).toBeUndefined();
      expect(store.settingsOf("ann")).toEqual({});
      expect(store.isTidy).toBe(true);
      expect((await store.search("bob", "trees", 5)).hits).toMatchObject([{ sessionId: bobs.id, index: null }]);
    });
  });
});

it("goes with a person of many sessions bit by bit, over a restart too", async () => {
  await withStore((store, { reopen }) => {
    for (let at = 0; at < 501; at++) store.create({ userId: "ann" });
    store.create({ userId: "bob" });
    store.personGone("ann");
    expect(store.isTidy).toBe(false);
    const next = reopen();
    next.tidy();
    expect(next.isTidy).toBe(true);
    expect(next.list({ userId: "ann", limit: 9 })).toEqual([]);
    expect(next.list({ userId: "bob", limit: 9 })).toHaveLength(1);
  });
});

describe("search", () => {
  it("finds words, beginnings, and Chinese without spaces", async () => {
    await withStore(async (store) => {
      const { id } = store.create({ userId: "ann", title: "旅行计划" });
      store.addTurn(id, turn("我们下周去北京看长城，然后回上海"));
      store.addTurn(id, turn("Was kostet ein Fahrrad in Köln?"));
      store.addTurn(id, turn("使用TypeScript编写程序"));
      const found = async (query: string) => (await store.search("ann", query, 10)).hits.map(({ index }) => index);
      expect(await found("长城")).toEqual([0]);
      expect(await found("城")).toEqual([0]);
      expect(await found("北京 上海")).toEqual([0]);
      expect(await found("京北")).toEqual([]);
      expect(await found("旅行")).toEqual([null]);
      expect(await found("koln")).toEqual([1]);
      expect(await found("fahr")).toEqual([1]);
      expect(await found("typescript编写")).toEqual([2]);
      expect(await found("海")).toEqual([0]);
    });
  });

  it("takes what is typed for words, never for syntax", async () => {
    await withStore(async (store) => {
      const { id } = store.create({ userId: "ann", title: "quotes" });
      store.addTurn(id, turn("plain words"));
      for (const query of [
        '"',
        "plain AND",
        "NEAR(a b)",
        "text:plain",
        "*",
        "' OR 1=1 --",
        "(",
        "^plain",
        "a\0b",
        "🙂",
        "",
      ]) {
        await expect(store.search("ann", query, 10)).resolves.toBeDefined();
      }
      expect((await store.search("ann", '"plain" -words*', 10)).hits).toHaveLength(1);
    });
  });
});

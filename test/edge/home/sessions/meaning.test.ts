import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { type Embedder, MeaningIndex } from "../../../../edge/home/sessions/meaning/meaning-index.ts";
import type { VectorTable } from "../../../../edge/home/sessions/meaning/vector-table.ts";
import { packVector, similarity } from "../../../../edge/home/sessions/meaning/vector.ts";
import { SessionStore } from "../../../../edge/home/sessions/store.ts";
import { sessionTables } from "../../../../edge/home/sessions/tables.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import type { NewTurn } from "../../../../shared/sessions/turn.ts";

const NOW = 1_790_000_000_000;
/** What each direction of the tests' vectors stands for, and words that mean it. */
const MEANINGS = [
  ["car", "automobile", "vehicle"],
  ["dog", "puppy", "hound"],
  ["rain", "shower", "drizzle"],
];

/** Words of one meaning point one way: enough to see whether vectors are made, kept and compared. */
function vectorOf(text: string): Float32Array {
  const vector = Float32Array.from(MEANINGS, (words) => words.filter((word) => text.includes(word)).length);
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

class WordEmbedder implements Embedder {
  known = [{ name: "mini", online: true }];
  asked: string[][] = [];
  failure: PorchlightError | undefined;
  /** Runs while a request is under way. */
  meanwhile: () => void = () => undefined;
  models = () => this.known;
  async embed(_model: string, texts: readonly string[]): Promise<Float32Array[]> {
    this.asked.push([...texts]);
    if (this.failure) throw this.failure;
    await Promise.resolve();
    this.meanwhile();
    return texts.map(vectorOf);
  }
}

let objects = 0;

async function withIndex(
  test: (at: {
    store: SessionStore;
    index: MeaningIndex;
    vectors: VectorTable;
    embedder: WordEmbedder;
    clock: { nowMs: number };
    /** Does all that is due. */
    settle: () => Promise<void>;
    find: (query: string, userId?: string) => Promise<string[]>;
    reopen: () => MeaningIndex;
  }) => Promise<void>,
): Promise<void> {
  const stub = env.HOME.getByName(`sessions of the meaning's tests ${(objects += 1)}`);
  await runInDurableObject(stub, async (_home, { storage }) => {
    const clock = { nowMs: NOW };
    const embedder = new WordEmbedder();
    const tables = sessionTables(storage.sql);
    const transaction = <T>(step: () => T): T => storage.transactionSync(step);
    const store = new SessionStore({ tables, transaction, hotTurns: 10, now: () => clock.nowMs });
    const reopen = (): MeaningIndex =>
      new MeaningIndex({ vectors: tables.vectors, store, transaction, embedder, now: () => clock.nowMs });
    const index = reopen();
    const settle = async (): Promise<void> => {
      for (let atMs = index.nextAtMs(); atMs !== undefined && atMs <= clock.nowMs; atMs = index.nextAtMs()) {
        await index.tick();
      }
    };
    const find = async (query: string, userId = "ann"): Promise<string[]> => {
      const { hits, meaning } = await store.search(userId, query, 10, index);
      expect(meaning).toBe(true);
      return hits.map((hit) => `${hit.by} ${hit.index}: ${hit.snippet.split("\n")[0]}`);
    };
    await test({ store, index, vectors: tables.vectors, embedder, clock, settle, find, reopen });
  });
}

const turn = (question: string, more: Partial<NewTurn> = {}): NewTurn => ({
  createdAtMs: NOW,
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: "I see." },
  ],
  model: "starter",
  state: "complete",
  ...more,
});

describe("vectors in a byte a component", () => {
  it("are as similar as the vectors that they are of, but for a step", () => {
    const random = (): Float32Array => {
      const values = Float32Array.from({ length: 384 }, () => Math.random() - 0.5);
      const length = Math.hypot(...values);
      return values.map((value) => value / length);
    };
    for (let round = 0; round < 50; round++) {
      const [a, b] = [random(), random()];
      const exact = a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
      expect(Math.abs(similarity(a, packVector(b)) - exact)).toBeLessThan(0.004);
      expect(similarity(a, packVector(a))).toBeCloseTo(1, 2);
    }
  });

  it("are unlike what has another size, and what has no direction", () => {
    expect(similarity(Float32Array.of(1, 0), packVector(Float32Array.of(1, 0, 0)))).toBe(0);
    expect(similarity(Float32Array.of(1, 0), packVector(Float32Array.of(0, 0)))).toBe(0);
    expect(similarity(Float32Array.of(1), new ArrayBuffer(0))).toBe(0);
  });
});

describe("search by meaning", () => {
  it("finds turns of other words, those of the person alone, and words before all", async () => {
    await withIndex(async ({ store, settle, find, embedder }) => {
      const { id } = store.create({ userId: "ann", title: "Trip" });
      store.addTurn(id, turn("My automobile is red."));
      store.addTurn(id, turn("The puppy sleeps."));
      store.addTurn(store.create({ userId: "bob" }).id, turn("A vehicle of bob's."));
      await settle();
      expect(await find("which car")).toEqual(["meaning 0: My automobile is red. I see."]);
      expect(await find("which car", "bob")).toEqual(["meaning 0: A vehicle of bob's. I see."]);
      expect(await find("puppy")).toEqual(["words 1: The puppy sleeps. I see."]);
      expect(await find("drizzle")).toEqual([]);
      // Every turn went to the machine once.
      const turns = embedder.asked.flat().filter((text) => text.includes("I see"));
      expect(turns).toHaveLength(3);
    });
  });

  it("is one of words alone while nobody can make vectors, and makes up for it", async () => {
    await withIndex(async ({ store, index, settle, find, embedder, clock }) => {
      embedder.known = [];
      const { id } = store.create({ userId: "ann" });
      store.addTurn(id, turn("My automobile is red."));
      expect(index.nextAtMs()).toBeUndefined();
      expect(await store.search("ann", "car", 10, index)).toEqual({ hits: [], complete: true, meaning: false });
      embedder.known = [{ name: "mini", online: true }];
      index.machinesChanged();
      embedder.failure = new PorchlightError("agent_disconnected");
      await settle();
      expect(index.nextAtMs()).toBeGreaterThan(clock.nowMs);
      expect((await store.search("ann", "automobile", 10, index)).meaning).toBe(false);
      embedder.failure = undefined;
      clock.nowMs += 10 * 60_000;
      await settle();
      expect(await find("car")).toHaveLength(1);
    });
  });

  it("knows no turn that was replaced or deleted, and waits for one that is answered", async () => {
    await withIndex(async ({ store, settle, find, clock, index }) => {
      const { id } = store.create({ userId: "ann" });
      store.addTurn(id, turn("My automobile is red."));
      await settle();
      clock.nowMs += 1000;
      const asked = { role: "user", content: "The hound barks." } as const;
      const answering = turn("", { messages: [asked], state: "answering", runId: "r", createdAtMs: clock.nowMs });
      await store.replaceLast(id, answering);
      await settle();
      expect(index.nextAtMs()).toBeUndefined();
      expect(await find("vehicle")).toEqual([]);
      const answer = { role: "assistant", content: "In a drizzle." } as const;
      store.finishTurn(id, 0, { messages: [asked, answer], state: "complete", runId: "r" });
      await settle();
      expect(await find("dog")).toHaveLength(1);
      expect(await find("shower")).toHaveLength(1);
      store.remove(id, "ann");
      expect(await find("dog")).toEqual([]);
    });
  });

  it("misses nothing that changes while a machine is at it", async () => {
    await withIndex(async ({ store, settle, find, embedder }) => {
      const { id } = store.create({ userId: "ann" });
      store.addTurn(id, turn("My automobile is red."));
      const said = ["The puppy sleeps.", "It will rain."];
      embedder.meanwhile = () => {
        const next = said.shift();
        if (next !== undefined) store.addTurn(id, turn(next));
      };
      await settle();
      embedder.meanwhile = () => undefined;
      expect([await find("vehicle"), await find("hound"), await find("shower")].map((hits) => hits.length)).toEqual([
        1, 1, 1,
      ]);
    });
  });

  it("looks through thousands, to the last, and lets others be served in between", async () => {
    await withIndex(async ({ index, vectors }) => {
      const [car, dog] = [packVector(vectorOf("car")), packVector(vectorOf("dog"))];
      const alike = [0, 4095, 4096, 9999];
      for (let at = 0; at < 10_000; at++) {
        const sessionId = String(at >> 1).padStart(5, "0");
        if (at % 2 === 0) vectors.setProgress(sessionId, { model: "mini", upTo: 2 });
        vectors.add("ann", {
          sessionId,
          index: at % 2,
          createdAtMs: NOW,
          vector: alike.includes(at) ? car : dog,
        });
      }
      let served = 0;
      const others = setInterval(() => (served += 1));
      const hits = await index.search("ann", "vehicle", 10);
      clearInterval(others);
      expect(hits?.map((hit) => Number(hit.sessionId) * 2 + hit.index)).toEqual(alike);
      expect(served).toBeGreaterThan(0);
    });
  });

  it("begins anew for another model only once the first is gone for good", async () => {
    await withIndex(async ({ store, settle, find, embedder, reopen, index }) => {
      const { id } = store.create({ userId: "ann" });
      for (let i = 0; i < 40; i++) store.addTurn(id, turn(i === 7 ? "My automobile is red." : `Nothing ${i}.`));
      await settle();
      const before = embedder.asked.length;
      embedder.known = [
        { name: "mini", online: false },
        { name: "a larger one", online: true },
      ];
      index.machinesChanged();
      await settle();
      expect(embedder.asked).toHaveLength(before);
      expect((await store.search("ann", "car", 10, index)).meaning).toBe(false);
      embedder.known = [{ name: "a larger one", online: true }];
      index.machinesChanged();
      await settle();
      expect(embedder.asked.length).toBeGreaterThan(before);
      expect(await find("car")).toHaveLength(1);
      expect(reopen().nextAtMs()).toBeUndefined();
    });
  });
});

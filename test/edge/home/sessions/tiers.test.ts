import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { sessionConfiguration } from "../../../../edge/home/sessions/configuration.ts";
import { SessionDesk } from "../../../../edge/home/sessions/desk.ts";
import { SearchIndex } from "../../../../edge/home/sessions/search-index.ts";
import { Adoption } from "../../../../edge/home/sessions/tiers/adoption.ts";
import { bucketBackup, listAll } from "../../../../edge/home/sessions/tiers/backup-store.ts";
import { backupHeadSchema, decodeTurns, latestHeads } from "../../../../shared/sessions/backup.ts";
import { decodeJson } from "../../../../shared/protocol/json.ts";
import type { NewTurn } from "../../../../shared/sessions/turn.ts";
import { MemoryArchive } from "../../support/memory-archive.ts";
import { checkRest, checkRows, type Expected } from "./tier-checks.ts";
import { COLD_AFTER_MS, Crash, DAY_MS, emptied, type Fault, settled, TierWorld } from "./tier-world.ts";

let worlds = 0;

async function inWorld(test: (world: TierWorld, storage: DurableObjectStorage) => Promise<void>): Promise<void> {
  const stub = env.HOME.getByName(`tiers of the tests ${(worlds += 1)}`);
  await runInDurableObject(stub, async (_home, { storage }) => {
    await test(new TierWorld(storage.sql, (step) => storage.transactionSync(step)), storage);
  });
}

const said = (world: TierWorld, content: string, state: NewTurn["state"] = "complete"): NewTurn => ({
  createdAtMs: world.nowMs,
  messages: [{ role: "user", content }],
  model: "starter",
  state,
});

function begin(world: TierWorld, ...words: string[]): Expected {
  const { id, userId } = world.life.store.create({ userId: "ann", title: "Trees" });
  for (const word of words) world.life.store.addTurn(id, said(world, word));
  return { id, userId, words };
}

const words = (world: TierWorld, id: string) => async (): Promise<string[]> =>
  (await world.life.store.turns(id, 0, 1000)).map(({ messages }) => messages[0]?.content ?? "");

/** Days pass, and what is due is done. */
async function pass(world: TierWorld, days: number): Promise<void> {
  world.nowMs += days * DAY_MS;
  for (let round = 0; round < 3; round++) await world.life.tiers.tick();
}

describe("turns that grow old", () => {
  it("go to a home machine after a week, as far as they have ended, and are read there", async () => {
    await inWorld(async (world) => {
      const session = begin(world, "oak", "elm");
      world.nowMs += COLD_AFTER_MS - 1000;
      world.life.store.addTurn(session.id, said(world, "ash", "answering"));
      session.words.push("ash");
      await world.life.tiers.tick();
      expect(world.life.tables.sessions.find(session.id)?.coldTo).toBe(0);
      await pass(world, 1);
      expect(world.life.tables.sessions.find(session.id)?.coldTo).toBe(2);
      await pass(world, 30);
      checkRows(world, [session], new Set());
      expect(world.life.tables.sessions.find(session.id)?.coldTo).toBe(2);
      expect(await words(world, session.id)()).toEqual(["oak", "elm", "ash"]);
    });
  });

  it("stay where they are while no machine is there, and are said to be away when theirs is", async () => {
    await inWorld(async (world) => {
      world.archive.online.clear();
      const session = begin(world, "oak", "elm");
      await pass(world, 30);
      expect(await words(world, session.id)()).toEqual(["oak", "elm"]);
      expect(world.life.tiers.nextAtMs()).toBeUndefined();
      world.archive.online.add("second");
      world.life.tiers.machinesChanged();
      await pass(world, 0);
      expect(world.life.tables.sessions.find(session.id)?.coldTo).toBe(2);
      world.archive.online.clear();
      world.restart();
      await expect(words(world, session.id)()).rejects.toMatchObject({ code: "archive_offline" });
      expect(await world.life.store.search("ann", "oak", 10)).toEqual({ hits: [], complete: false, meaning: false });
      world.life.store.addTurn(session.id, said(world, "ash"));
      expect(await world.life.store.turns(session.id, 2, 3)).toMatchObject([{ index: 2 }]);
      await expect(world.life.store.replaceLast(session.id, said(world, "yew"))).resolves.toMatchObject({ index: 2 });
    });
  });

  it("come back when the last of them is answered anew, and leave nothing behind", async () => {
    await inWorld(async (world) => {
      const session = begin(world, "oak", "elm");
      await pass(world, 10);
      await world.life.store.replaceLast(session.id, said(world, "yew"));
      session.words = ["oak", "yew"];
      checkRows(world, [session], new Set());
      expect(world.life.tables.sessions.find(session.id)?.coldTo).toBe(0);
      await pass(world, 1);
      expect(world.archive.disks.get("first")?.segments.size).toBe(0);
      await pass(world, 10);
      expect(world.life.tables.sessions.find(session.id)?.coldTo).toBe(2);
      expect(await words(world, session.id)()).toEqual(["oak", "yew"]);
      expect((await world.life.store.search("ann", "elm", 10)).hits).toEqual([]);
    });
  });

  it("are looked through for a question, as many as fit and as their machine is there", async () => {
    await inWorld(async (world) => {
      const { id } = begin(world, "oak", "elm", "ash");
      await pass(world, 10);
      world.life.store.addTurn(id, said(world, "yew"));
      world.life.store.addTurn(id, said(world, "fir"));
      const before = async (index: number, of: { limit: number; bytes: number }): Promise<(string | undefined)[]> => {
        const turns = await world.life.store.turnsBefore(id, index, of);
        return turns.map(({ messages }) => messages[0]?.content);
      };
      expect(await before(5, { limit: 100, bytes: 100_000 })).toEqual(["oak", "elm", "ash", "yew", "fir"]);
      expect(await before(4, { limit: 2, bytes: 100_000 })).toEqual(["ash", "yew"]);
      expect(await before(5, { limit: 100, bytes: 600 })).toEqual(["yew", "fir"]);
      expect(await before(5, { limit: 100, bytes: 1 })).toEqual([]);
      world.archive.online.clear();
      world.restart();
      expect(await before(5, { limit: 100, bytes: 100_000 })).toEqual(["yew", "fir"]);
      expect(await before(3, { limit: 100, bytes: 100_000 })).toEqual([]);
    });
  });

  it("are not read from a machine that answers with others", async () => {
    await inWorld(async (world) => {
      const session = begin(world, "oak", "elm");
      await pass(world, 10);
      world.restart();
      const segment = [...(world.archive.disks.get("first")?.segments.values() ?? [])][0];
      segment?.turns.pop();
      await expect(words(world, session.id)()).rejects.toMatchObject({ code: "archive_offline" });
    });
  });

  it("are cut into segments that cross in one piece", async () => {
    await inWorld(async (world) => {
      const session = begin(world, ...Array.from({ length: 5 }, (_, at) => `${at}${"x".repeat(300_000)}`));
      for (let at = 0; at < 70; at++) {
        world.life.store.addTurn(session.id, said(world, `w${at}`));
        session.words.push(`w${at}`);
      }
      await pass(world, 10);
      checkRows(world, [session], new Set());
      const sizes = world.life.tables.segments.of(session.id).map(({ from, to }) => to - from);
      expect(sizes).toEqual([3, 64, 8]);
      await expect(world.life.store.page(session.id, 0, 75, 500_000)).resolves.toHaveLength(3);
    });
  });
});

describe("what is deleted", () => {
  it("is dropped by every machine that ever had some of it, when it comes, and from the backup", async () => {
    await inWorld(async (world) => {
      const session = begin(world, "oak");
      await pass(world, 10);
      world.archive.online.delete("first");
      world.life.store.addTurn(session.id, said(world, "elm"));
      await pass(world, 10);
      expect([...world.archive.disks.values()].map(({ segments }) => segments.size)).toEqual([1, 1]);
      expect(world.bucket.size).toBeGreaterThan(0);
      world.life.store.remove(session.id, "ann");
      await pass(world, 1);
      expect([...world.archive.disks.values()].map(({ segments }) => segments.size)).toEqual([1, 0]);
      expect(world.bucket.size).toBe(0);
      expect(world.life.tables.drops.isEmpty).toBe(false);
      world.restart();
      world.archive.online.add("first");
      await pass(world, 1);
      expect([...world.archive.disks.values()].map(({ segments }) => segments.size)).toEqual([0, 0]);
      expect(world.life.tables.drops.isEmpty).toBe(true);
    });
  });

  it("does not come with a put that was on its way", async () => {
    await inWorld(async (world) => {
      const session = begin(world, "oak");
      world.nowMs += 10 * DAY_MS;
      world.parks = true;
      const moving = world.life.tiers.tick();
      await settled();
      expect(world.parked).toBe(1);
      world.life.store.remove(session.id, "ann");
      world.parks = false;
      await world.releaseAll();
      await moving;
      await pass(world, 1);
      checkRows(world, [], new Set([session.id]));
      expect(world.archive.disks.get("first")?.segments.size).toBe(0);
    });
  });
});

it("survives a crash and a failure before and after every step of moving, sealing, thawing and deleting", {
  timeout: 60_000,
}, async () => {
  let planted = 0;
  await inWorld(async (_world, storage) => {
    for (const fault of ["crashBefore", "crashAfter", "failBefore", "failAfter"] satisfies Fault[]) {
      for (let step = 1; await livesThrough(storage, step, fault); step++) planted += 1;
    }
  });
  expect(planted).toBeGreaterThan(90);
});

/** A short story in which that step goes wrong. Returns whether it has so many. */
async function livesThrough(storage: DurableObjectStorage, step: number, fault: Fault): Promise<boolean> {
  const world = new TierWorld(emptied(storage), (work) => storage.transactionSync(work));
  const kept = begin(world, "oak", "elm");
  const gone = begin(world, "ash", "yew");
  await pass(world, 8);
  world.life.store.addTurn(kept.id, said(world, "fir"));
  kept.words.push("fir");
  world.plant(step, fault);
  for (const days of [0, 10]) {
    world.nowMs += days * DAY_MS;
    await world.life.tiers.tick();
    checkRows(world, [kept, gone], new Set());
  }
  await world.life.store.replaceLast(kept.id, said(world, "box")).catch(() => undefined);
  const last = world.life.tables.turns.turns(kept.id, 2, 3)[0]?.messages[0]?.content;
  if (last === "box") kept.words[2] = "box";
  const { id, userId } = gone;
  while (world.life.store.get(id, userId) !== undefined) {
    try {
      world.life.store.remove(id, userId);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  }
  await world.life.tiers.tick();
  checkRows(world, [kept], new Set([id]));
  const isPast = world.unplant();
  await pass(world, 10);
  await pass(world, 10);
  await checkRest(world, [kept], new Set([id]));
  return !isPast;
}

describe("a backup", () => {
  it("in a bucket is of one household, and is paged through", async () => {
    const bucket = new Map<string, Uint8Array>();
    const r2 = fakeBucket(bucket);
    const [one, other] = [bucketBackup(r2, "one"), bucketBackup(r2, "other")];
    for (let at = 0; at < 25; at++) await one.put(`s/${at}`, Uint8Array.of(at));
    await other.put("s/0", Uint8Array.of(99));
    expect(await listAll(one, "s/")).toHaveLength(25);
    expect(await one.get("s/0")).toEqual(Uint8Array.of(0));
    await one.delete(await listAll(one, "s/"));
    expect([...bucket.keys()]).toEqual(["backups/other/s/0"]);
    expect(await one.get("s/0")).toBeUndefined();
  });

  it("brings a conversation back to a machine of its own, and to an edge that lost it, but nothing that was deleted", async () => {
    await inWorld(async (world) => {
      const session = begin(world, "oak", "elm");
      const gone = begin(world, "ash");
      await pass(world, 10);
      world.life.store.addTurn(session.id, said(world, "fir"));
      await pass(world, 1);
      const restored = [session.id, gone.id].map((id) => opened(world, id));
      // The machine is wiped, and the other one has what the backup has.
      const [first, second] = [world.archive.disks.get("first"), world.archive.disks.get("second")];
      for (const [id, segment] of first?.segments ?? []) second?.segments.set(id, segment);
      first?.segments.clear();
      world.archive.online.delete("first");
      world.restart();
      await expect(words(world, session.id)()).rejects.toMatchObject({ code: "archive_offline" });
      world.life.store.remove(gone.id, "ann");
      const adoption = new Adoption({
        tables: world.life.tables,
        transaction: (step) => step(),
        now: () => world.nowMs,
      });
      expect(restored.map(({ head, turns }) => adoption.adopt("second", head, turns))).toEqual(["known", "deleted"]);
      expect(await words(world, session.id)()).toEqual(["oak", "elm", "fir"]);
      await pass(world, 1);
      expect([...(second?.segments.values() ?? [])].map(({ sessionId }) => sessionId)).toEqual([session.id]);

      await inWorld(async (fresh) => {
        const lost = new Adoption({ tables: fresh.life.tables, transaction: (step) => step(), now: () => fresh.nowMs });
        const { head, turns } = restored[0] ?? restored.at(-1) ?? { head: undefined, turns: [] };
        if (head === undefined) throw new Error("nothing was backed up");
        const late = turns.map((turn) => ({ ...turn, index: turn.index + 1 }));
        for (const broken of [[], late]) expect(() => lost.adopt("second", head, broken)).toThrow(/not whole/);
        expect(lost.adopt("second", head, turns)).toBe("added");
        expect(lost.adopt("second", head, turns)).toBe("known");
        expect(fresh.life.store.find(session.id)).toMatchObject({ turnCount: 3, title: "Trees" });
        expect(fresh.life.tables.segments.of(session.id)).toMatchObject([{ from: 0, to: 2, agentId: "second" }]);
        expect(fresh.life.store.list({ userId: "ann", limit: 9, query: "trees" })).toHaveLength(1);
      });
    });
  });
});

/** What the backup alone has of a conversation. */
function opened(world: TierWorld, id: string) {
  const plain = (name: string): Uint8Array => (world.bucket.get(name) ?? new Uint8Array()).map((byte) => byte ^ 0xff);
  const head = decodeJson(plain(latestHeads(world.bucket.keys()).get(id)?.name ?? ""), backupHeadSchema);
  const parts = Array.from({ length: head.parts }, (_, at) => decodeTurns(plain(`${id}/${head.revision}.${at}`)));
  return { head, turns: parts.flat() };
}

/** As much of a bucket as is used, with pages of ten. */
function fakeBucket(objects: Map<string, Uint8Array>): R2Bucket {
  const bucket = {
    put: async (key: string, value: Uint8Array) => await Promise.resolve(void objects.set(key, value)),
    get: async (key: string) => {
      const value = objects.get(key);
      return await Promise.resolve(
        value === undefined ? null : { arrayBuffer: async () => await Promise.resolve(value.buffer) },
      );
    },
    list: async ({ prefix, startAfter = "" }: { prefix: string; startAfter?: string }) => {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > startAfter).toSorted();
      return await Promise.resolve({ objects: keys.slice(0, 10).map((key) => ({ key })) });
    },
    delete: async (keys: string[]) => await Promise.resolve(keys.forEach((key) => objects.delete(key))),
  };
  return bucket as unknown as R2Bucket; // Only what `bucketBackup` calls.
}

it("takes its thresholds from the edge's configuration", () => {
  expect(sessionConfiguration({})).toEqual({ window: 8, hotTurns: 100, coldAfterMs: 7 * DAY_MS });
  const set = sessionConfiguration({ SESSION_WINDOW: "12", SESSION_HOT_TURNS: "0", SESSION_COLD_DAYS: "0.5" });
  expect(set).toEqual({ window: 12, hotTurns: 0, coldAfterMs: DAY_MS / 2 });
  const wrong = sessionConfiguration({ SESSION_WINDOW: "no", SESSION_HOT_TURNS: "-1", SESSION_COLD_DAYS: "" });
  expect(wrong).toEqual(sessionConfiguration({}));
});

it("does what is due by its alarm's call alone", async () => {
  await inWorld(async (world, storage) => {
    const archive = new MemoryArchive("first");
    let nowMs = world.nowMs;
    const asked: (number | undefined)[] = [];
    const desk: SessionDesk = new SessionDesk({
      sql: storage.sql,
      transaction: (step) => storage.transactionSync(step),
      configuration: sessionConfiguration({}),
      archive,
      onChange: () => void asked.push(desk.nextAtMs()),
      now: () => nowMs,
    });
    const { id } = desk.store.create({ userId: "ann" });
    desk.store.addTurn(id, said(world, "oak"));
    expect(asked.at(-1)).toBe(nowMs + COLD_AFTER_MS + 1);
    nowMs = asked.at(-1) ?? 0;
    await desk.tick();
    expect(archive.disks.get("first")?.segments.size).toBe(1);
    expect(desk.nextAtMs()).toBeUndefined();
    expect(new SearchIndex(storage.sql).turns("ann", "oak", 9)).toEqual([]);
  });
});

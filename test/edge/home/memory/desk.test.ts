import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { MemoryDesk } from "../../../../edge/home/memory/desk.ts";
import { MEMORY_LIMITS } from "../../../../edge/home/memory/limits.ts";

/** A test over a real object's SQLite. */
function onDesk(name: string, run: (desk: MemoryDesk, sql: SqlStorage, clock: { nowMs: number }) => void): void {
  it(name, async () => {
    await runInDurableObject(env.HOME.getByName(name), (_home, { storage: { sql } }) => {
      const clock = { nowMs: 1_000 };
      run(new MemoryDesk({ sql, now: () => clock.nowMs++ }), sql, clock);
    });
  });
}

const texts = (desk: MemoryDesk, userId: string): string[] => desk.list(userId).map(({ text }) => text);

onDesk("keeps, rewords and forgets facts, each for its own person, over lives of the object", (desk, sql, clock) => {
  const added = desk.add("ann", "  I live\n in\u0000Lyon ");
  if (!("made" in added)) throw new Error("not kept");
  expect(added.made).toMatchObject({ text: "I live in Lyon", createdAtMs: 1_000, updatedAtMs: 1_000, source: null });
  desk.add("ben", "I am Ben");
  const { id } = added.made;
  expect(desk.change("ben", id, "mine now")).toMatchObject({ error: { code: "not_found" } });
  expect(desk.remove("ben", id)).toBe(false);
  clock.nowMs = 5_000;
  expect(desk.change("ann", id, "I live in Nice")).toMatchObject({
    made: { id, text: "I live in Nice", createdAtMs: 1_000, updatedAtMs: 5_000 },
  });
  desk.add("ann", "I have a boat");
  expect(texts(new MemoryDesk({ sql }), "ann")).toEqual(["I have a boat", "I live in Nice"]);
  expect(desk.remove("ann", id)).toBe(true);
  expect(desk.remove("ann", id)).toBe(false);
  desk.personGone("ann");
  expect([texts(desk, "ann"), texts(desk, "ben")]).toEqual([[], ["I am Ben"]]);
  expect(desk.clear("ben")).toBe(1);
});

onDesk("keeps a fact once, and refuses what is empty, too long or one too many", (desk) => {
  const first = desk.add("ann", "I am vegan");
  expect(desk.add("ann", "i am  VEGAN")).toEqual(first);
  expect(desk.add("ann", " \n\u0007 ")).toMatchObject({ error: { code: "invalid_request", param: "text" } });
  expect(desk.add("ann", "x".repeat(MEMORY_LIMITS.factCharacters + 1))).toMatchObject({
    error: { code: "invalid_request" },
  });
  for (let i = 1; i < MEMORY_LIMITS.factsPerPerson; i++) desk.add("ann", `fact ${i}`);
  expect(texts(desk, "ann")).toHaveLength(MEMORY_LIMITS.factsPerPerson);
  expect(desk.add("ann", "one more")).toMatchObject({ error: { code: "memory_full" } });
  expect(desk.add("ann", "FACT 7")).toMatchObject({ made: { text: "fact 7" } });
  expect(desk.remember("ann", "Remember that I am full")).toBeUndefined();
  expect(desk.add("ben", "room")).toMatchObject({ made: { text: "room" } });
});

onDesk("takes from a message what it asks to remember, and where it was said", (desk) => {
  const source = { sessionId: "ses_0", index: 3 };
  expect(desk.remember("ann", "Please remember that my cat is Tom.", source)).toMatchObject({
    text: "my cat is Tom",
    source,
  });
  expect(desk.remember("ann", "Do you remember my cat?")).toBeUndefined();
  expect(desk.list("ann").map(({ source: from }) => from)).toEqual([source]);
});

onDesk("writes a prompt's part within its room: what the question is about first, then the latest", (desk) => {
  expect(desk.memoryText("ann")).toBe("");
  desk.add("ann", "my boat is called Albatross");
  desk.add("ann", "我女儿叫小雨");
  for (let i = 0; i < 40; i++) desk.add("ann", `number ${i} of things that take room`);
  const all = desk.memoryText("ann");
  expect(all.split("\n")).toHaveLength(43);
  expect(all).toMatch(
    /:\n- my boat is called Albatross\n- 我女儿叫小雨\n- number 0 .+\n- number 39 of things that take room$/s,
  );
  const room = { maxCharacters: 300 };
  const latest = desk.memoryText("ann", room);
  expect(latest.length).toBeLessThanOrEqual(300);
  expect(latest).toMatch(/number 39/);
  expect(latest).not.toMatch(/boat|number 0 /);
  expect(desk.memoryText("ann", { ...room, about: "What was the boat called?" })).toMatch(/Albatross[^]*number 39/);
  expect(desk.memoryText("ann", { ...room, about: "我的女儿叫什么名字？" })).toMatch(/小雨/);
  expect(desk.memoryText("ann", { maxCharacters: 20 })).toBe("");
  expect(desk.memoryText("ben")).toBe("");
});

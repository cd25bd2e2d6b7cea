import { mkdir, readdir, readFile, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type CacheEntry, CompiledCache } from "../../../node-agent/model/compiled-cache.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const entry: CacheEntry = { key: { version: 1 }, source: "model" };
const newer: CacheEntry = { key: { version: 2 }, source: "model" };
const other: CacheEntry = { key: { version: 1, other: true }, source: "other model" };

/** A build that writes one file. */
const write = (text: string) => (folder: string) => writeFile(join(folder, "data"), text);

test("an entry is found once it is built", async () => {
  await using folder = await temporaryFolder();
  const cache = new CompiledCache(folder.path);
  expect(await cache.find(entry)).toBeUndefined();
  const built = await cache.build(entry, write("one"));
  expect(await cache.find(entry)).toBe(built);
  expect(await readFile(join(built, "data"), "utf8")).toBe("one");
  expect(await new CompiledCache(folder.path).find(entry)).toBe(built);
  expect(await cache.find(newer)).toBeUndefined();
});

test("a build that fails leaves nothing", async () => {
  await using folder = await temporaryFolder();
  const cache = new CompiledCache(folder.path);
  const failing = cache.build(entry, async (target) => {
    await write("half")(target);
    throw new Error("out of disk");
  });
  await expect(failing).rejects.toThrow("out of disk");
  expect(await readdir(folder.path)).toEqual([]);
});

test.each([
  ["a file of another size", (built: string) => truncate(join(built, "data"), 1)],
  ["a manifest that is no JSON", (built: string) => writeFile(join(built, "entry.json"), "{")],
  ["a manifest of another shape", (built: string) => writeFile(join(built, "entry.json"), "[]")],
])("an entry with %s is rebuilt in place", async (_, damage) => {
  await using folder = await temporaryFolder();
  const cache = new CompiledCache(folder.path);
  const built = await cache.build(entry, write("one"));
  await damage(built);
  expect(await cache.find(entry)).toBeUndefined();
  expect(await cache.build(entry, write("two"))).toBe(built);
  expect(await readFile(join(built, "data"), "utf8")).toBe("two");
  expect(await readdir(folder.path)).toHaveLength(1);
});

test("of several builds at once the first wins, and all get a whole entry", async () => {
  await using folder = await temporaryFolder();
  const caches = Array.from({ length: 8 }, () => new CompiledCache(folder.path));
  const built = await Promise.all(caches.map((cache, i) => cache.build(entry, write(`build ${i}`))));
  expect(new Set(built).size).toBe(1);
  expect(await caches[0]?.find(entry)).toBe(built[0]);
  expect(await readdir(folder.path)).toHaveLength(1);
});

test("a newer entry replaces the older ones of its source only", async () => {
  await using folder = await temporaryFolder();
  const cache = new CompiledCache(folder.path);
  await cache.build(entry, write("old"));
  await cache.build(other, write("other"));
  await cache.build(newer, write("new"));
  expect(await cache.find(entry)).toBeUndefined();
  expect(await cache.find(newer)).toBeDefined();
  expect(await cache.find(other)).toBeDefined();
});

test("builds that nobody finished are removed after a day, those under way are not", async () => {
  await using folder = await temporaryFolder();
  const [abandoned, running] = [join(folder.path, ".building-a"), join(folder.path, ".building-b")];
  await mkdir(abandoned);
  await mkdir(running);
  const longAgo = new Date(Date.now() - 48 * 60 * 60 * 1000);
  await utimes(abandoned, longAgo, longAgo);
  await new CompiledCache(folder.path).build(entry, write("one"));
  const left = await readdir(folder.path);
  expect(left).toContain(".building-b");
  expect(left).not.toContain(".building-a");
});

test("discarding what is not there is no error", async () => {
  await using folder = await temporaryFolder();
  const cache = new CompiledCache(folder.path);
  await cache.discard(entry);
  await cache.build(entry, write("one"));
  await cache.discard(entry);
  expect(await readdir(folder.path)).toEqual([]);
});

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Archive } from "../../../node-agent/archive/archive.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { segmentOf } from "./segments.ts";

const CHILD = fileURLToPath(new URL("put-child.ts", import.meta.url));

describe("the archive of conversations", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;
  let archive: Archive;
  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, "archive.db");
    archive = await Archive.open(path);
  });
  afterEach(async () => {
    archive.close();
    await folder[Symbol.asyncDispose]();
  });

  const put = async (...numbers: number[]): Promise<void> => {
    for (const number of numbers) await archive.put(segmentOf(number));
  };
  const get = async (number: number) => await archive.get(segmentOf(number).sessionId, segmentOf(number).id);

  it("gives back what was put, once, whoever asks for it by its own session", async () => {
    const first = await archive.put(segmentOf(1));
    expect(await archive.put(segmentOf(1))).toEqual(first);
    expect(await get(1)).toEqual(segmentOf(1).turns);
    await expect(archive.get(segmentOf(2).sessionId, segmentOf(1).id)).rejects.toMatchObject({ code: "not_found" });
    expect(await archive.check()).toMatchObject({ segments: 1, turns: 2, damaged: [] });
  });

  it("finds words and Chinese, of one person only", async () => {
    await put(1, 2);
    await archive.put({ ...segmentOf(3), userId: "ben" });
    expect((await archive.search("ada", "lantern 2", 10)).map(({ index, segmentId }) => [segmentId, index])).toEqual([
      [segmentOf(2).id, 0],
      [segmentOf(2).id, 1],
    ]);
    expect(await archive.search("ada", "灯塔", 3)).toHaveLength(3);
    expect(await archive.search("ben", "灯塔", 10)).toHaveLength(2);
    expect(await archive.search("ada", '" OR 1 NEAR(', 10)).toEqual([]);
  });

  it("has nothing of what was dropped on its disk, and does not take it again", async () => {
    await put(41, 42);
    await archive.drop([segmentOf(41).sessionId], [segmentOf(42).id]);
    expect(await archive.search("ada", "lantern", 10)).toEqual([]);
    for (const number of [41, 42]) {
      await expect(get(number)).rejects.toMatchObject({ code: "not_found" });
      await expect(archive.put(segmentOf(number))).rejects.toMatchObject({ code: "segment_dropped" });
    }
    for (const file of [path, `${path}-wal`]) {
      const bytes = await readFile(file).catch(() => Buffer.alloc(0));
      expect([file, bytes.includes("lantern"), bytes.includes("Number 41")]).toEqual([file, false, false]);
    }
  });

  it("names what is damaged, gives the rest, and takes the damaged again", async () => {
    await put(1, 2, 3);
    archive.close();
    const raw = new DatabaseSync(path);
    raw.prepare("UPDATE segments SET blob = ? WHERE id = ?").run(Buffer.from("not zstd"), segmentOf(2).id);
    raw
      .prepare("UPDATE segments SET blob = (SELECT blob FROM segments WHERE id = ?) WHERE id = ?")
      .run(segmentOf(1).id, segmentOf(3).id);
    raw.close();
    archive = await Archive.open(path);
    expect((await archive.check()).damaged.toSorted()).toEqual([segmentOf(2).id, segmentOf(3).id]);
    await expect(get(2)).rejects.toMatchObject({ code: "archive_damaged" });
    await expect(get(3)).rejects.toThrow(segmentOf(3).id);
    expect(await get(1)).toEqual(segmentOf(1).turns);
    expect(await archive.search("ada", "lantern", 10)).toHaveLength(2);
    await put(2, 3);
    expect(await get(2)).toEqual(segmentOf(2).turns);
    expect(await archive.search("ada", "lantern", 10)).toHaveLength(6);
    await archive.drop([], [segmentOf(2).id]);
    expect(await archive.search("ada", "lantern 2", 10)).toEqual([]);
  });

  it("is not taken for an archive when it is something else", async () => {
    const other = join(folder.path, "other.db");
    await writeFile(other, "no database at all ".repeat(500));
    await expect(Archive.open(other)).rejects.toThrow(/not a database/);
    expect(await readFile(other, "utf8")).toContain("no database at all");
  });

  it("has every segment that was answered after a kill -9", async () => {
    archive.close();
    for (let round = 0; round < 3; round++) {
      const child = fork(CHILD, [path], { execArgv: [] });
      let answered = -1;
      child.on("message", (number) => {
        answered = Math.max(answered, Number(number));
        if (answered >= 10 * (round + 1)) child.kill("SIGKILL");
      });
      await once(child, "exit");
      archive = await Archive.open(path);
      expect((await archive.check()).damaged).toEqual([]);
      for (let number = 0; number <= answered; number++) expect(await get(number)).toEqual(segmentOf(number).turns);
      archive.close();
    }
    archive = await Archive.open(path);
  });
});

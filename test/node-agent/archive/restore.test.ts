import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Archive } from "../../../node-agent/archive/archive.ts";
import { keyOf, newBackupKey, phraseOf } from "../../../node-agent/archive/backup-key.ts";
import type { BackupSource } from "../../../node-agent/archive/backup-source.ts";
import { restore } from "../../../node-agent/archive/restore.ts";
import { Sealer } from "../../../node-agent/archive/seal.ts";
import { type BackupHead, backupNames, encodeTurns } from "../../../shared/sessions/backup.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { segmentOf } from "./segments.ts";

const KEY = newBackupKey();

/** What an edge has: sealed objects, and nothing else. It may do with them what it likes. */
class Bucket implements BackupSource {
  readonly objects = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly adopted: BackupHead[] = [];

  async *names() {
    yield* [...this.objects.keys()].toSorted();
  }

  async sealed(name: string) {
    return this.objects.get(name) ?? new Uint8Array(0);
  }

  async adopt(head: BackupHead) {
    this.adopted.push(head);
    return "added" as const;
  }
}

/** Session `number`: a cold segment, and one part of hot turns, at a revision. */
function backUp(bucket: Bucket, number: number, revision = 1, key = KEY): void {
  const sealer = new Sealer(key);
  const { id, sessionId, userId, turns } = segmentOf(number);
  const put = (name: string, plain: Uint8Array): void => void bucket.objects.set(name, sealer.seal(name, plain));
  put(backupNames.segment(sessionId, id), encodeTurns(turns));
  put(backupNames.part(sessionId, revision, 0), encodeTurns(turns.map((turn) => ({ ...turn, index: turn.index + 2 }))));
  const times = { createdAtMs: 1, updatedAtMs: 2 };
  const session = { id: sessionId, userId, title: `Number ${number}`, ...times, turnCount: 4, settings: {} };
  const head: BackupHead = { version: 1, session, revision, segments: [{ id, from: 0, to: 2 }], parts: 1 };
  put(backupNames.head(sessionId, revision), new TextEncoder().encode(JSON.stringify(head)));
}

const nameOf = (number: number) => {
  const { id, sessionId } = segmentOf(number);
  return {
    head: (revision = 1) => backupNames.head(sessionId, revision),
    part: backupNames.part(sessionId, 1, 0),
    segment: backupNames.segment(sessionId, id),
  };
};

describe("a restore", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let archive: Archive;
  let bucket: Bucket;
  beforeEach(async () => {
    folder = await temporaryFolder();
    archive = await Archive.open(join(folder.path, "archive.db"));
    bucket = new Bucket();
    for (const number of [1, 2, 3]) backUp(bucket, number);
  });
  afterEach(async () => {
    archive.close();
    await folder[Symbol.asyncDispose]();
  });

  const restored = async (key = KEY) => await restore({ source: bucket, sealer: new Sealer(key), archive });

  it("takes every conversation back, as often as it is run", async () => {
    for (let time = 0; time < 2; time++) {
      expect(await restored(keyOf(phraseOf(KEY)))).toEqual({ sessions: 3, turns: 12, deleted: 0, refused: [] });
    }
    expect(await archive.get(segmentOf(2).sessionId, segmentOf(2).id)).toEqual(segmentOf(2).turns);
  });

  it("opens nothing with another phrase, and nothing is in clear", async () => {
    await expect(restored(newBackupKey())).rejects.toMatchObject({ code: "backup_key_wrong" });
    expect(bucket.adopted).toEqual([]);
    for (const sealed of bucket.objects.values()) expect(Buffer.from(sealed).includes("lantern")).toBe(false);
  });

  it.each<[string, (objects: Map<string, Uint8Array<ArrayBuffer>>) => string]>([
    ["an object with a byte changed", (objects) => change(objects, nameOf(2).segment, (bytes) => bytes.length - 20)],
    ["an object with its nonce changed", (objects) => change(objects, nameOf(2).part, () => 14)],
    ["an object cut off", (objects) => replace(objects, nameOf(2).part, (bytes) => bytes.slice(0, -1))],
    ["an empty object", (objects) => replace(objects, nameOf(2).head(), () => new Uint8Array(0))],
    [
      "another session's segment",
      (objects) => replace(objects, nameOf(2).segment, () => get(objects, nameOf(1).segment)),
    ],
    ["a part as a segment", (objects) => replace(objects, nameOf(2).segment, () => get(objects, nameOf(2).part))],
    [
      "an old head under a newer name",
      (objects) => replace(objects, nameOf(2).head(9), () => get(objects, nameOf(2).head())),
    ],
    ["an object that is missing", (objects) => (objects.delete(nameOf(2).segment), nameOf(2).segment)],
  ])("refuses %s by name, and takes the rest", async (_what, harm) => {
    const name = harm(bucket.objects);
    const report = await restored();
    expect(report).toMatchObject({ sessions: 2, refused: [{ code: "backup_damaged" }] });
    expect(report.refused[0]?.reason).toContain(name);
    expect(bucket.adopted.map(({ session }) => session.title).toSorted()).toEqual(["Number 1", "Number 3"]);
  });

  it("names what was sealed with another key among what was not", async () => {
    backUp(bucket, 4, 1, newBackupKey());
    const report = await restored();
    expect(report).toMatchObject({ sessions: 3, refused: [{ code: "backup_key_wrong" }] });
    expect(report.refused[0]?.reason).toContain(nameOf(4).head());
  });

  it("does not go back behind what this machine sealed", async () => {
    await archive.noteSealed(segmentOf(2).sessionId, 5);
    const report = await restored();
    expect(report).toMatchObject({ sessions: 2, refused: [{ code: "backup_damaged" }] });
    expect(report.refused[0]?.reason).toContain("turned back");
    backUp(bucket, 2, 5);
    expect(await restored()).toMatchObject({ sessions: 3, refused: [] });
  });
});

describe("the recovery phrase", () => {
  it("is the key, however it is typed", () => {
    const phrase = phraseOf(KEY);
    expect(phrase.split(" ")).toHaveLength(24);
    expect(keyOf(`  1 ${phrase.toUpperCase().replaceAll(" ", "\n 2. ")}\n`)).toEqual(KEY);
  });

  it("says what is wrong with it", () => {
    expect(() => keyOf("abandon lighthause")).toThrow(/Word 2/);
    expect(() => keyOf("abandon ability")).toThrow(/24 words, not 2/);
    expect(() => keyOf("abandon ".repeat(24))).toThrow(/checksum/);
  });
});

function get(objects: Map<string, Uint8Array<ArrayBuffer>>, name: string): Uint8Array<ArrayBuffer> {
  const bytes = objects.get(name);
  if (bytes === undefined) throw new Error(`no ${name}`);
  return bytes;
}

function replace(
  objects: Map<string, Uint8Array<ArrayBuffer>>,
  name: string,
  make: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>,
): string {
  objects.set(name, make(objects.get(name) ?? new Uint8Array(0)));
  return name;
}

function change(
  objects: Map<string, Uint8Array<ArrayBuffer>>,
  name: string,
  place: (bytes: Uint8Array) => number,
): string {
  return replace(objects, name, (bytes) => bytes.map((byte, at) => (at === place(bytes) ? byte ^ 1 : byte)));
}

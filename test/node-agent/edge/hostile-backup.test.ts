import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { Header } from "tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DataFolder } from "../../../node-agent/data-folder.ts";
import { writeBackup } from "../../../node-agent/edge/backup/write.ts";
import { D1, EdgeState, refusal } from "../../support/edge-state.ts";

let state: EdgeState;
let root: string;
let folder: DataFolder;
let file: string;
beforeEach(async () => {
  state = await EdgeState.make();
  ({ root, folder, file } = state);
});
afterEach(async () => {
  await state.remove();
});

describe("a damaged or hostile backup", () => {
  const sha256 = (text: string | Buffer) => createHash("sha256").update(text).digest("hex");
  const listed = (path: string, text: string) => ({ path, bytes: Buffer.byteLength(text), sha256: sha256(text) });
  const manifest = (files: object[], more: object = {}) =>
    JSON.stringify({
      format: "porchlight-edge-backup",
      version: 1,
      porchlight: "0.1.0",
      createdAt: "2026-01-01T00:00:00.000Z",
      migrations: [],
      files,
      ...more,
    });
  type Entry = [path: string, text: string, more?: object];
  async function archive(...entries: Entry[]): Promise<void> {
    const blocks = entries.flatMap(([path, text, more]) => {
      const header = new Header({ path, size: Buffer.byteLength(text), mode: 0o600, type: "File", ...more });
      const block = Buffer.alloc(512);
      header.encode(block, 0);
      return [block, Buffer.from(text), Buffer.alloc((512 - (Buffer.byteLength(text) % 512)) % 512)];
    });
    await writeFile(file, gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])));
  }
  const good = listed("state/r2/x", "data");

  it("is told from a good one", async () => {
    await archive(["manifest.json", manifest([good])], ["state/r2/x", "data"]);
    expect(await refusal(state.read())).toBe("taken");
  });

  it.each<[string, RegExp, () => Entry[]]>([
    [
      "a path that climbs",
      /no path of a backup/,
      () => [["manifest.json", manifest([listed("state/../../evil", "x")])]],
    ],
    ["an absolute path", /no path of a backup/, () => [["manifest.json", manifest([listed("/etc/evil", "x")])]]],
    [
      "another program's file",
      /no path of a backup/,
      () => [["manifest.json", manifest([listed("agent/local.json", "x")])]],
    ],
    ["a hidden file", /no path of a backup/, () => [["manifest.json", manifest([listed("state/.ssh/x", "x")])]]],
    [
      "a name with a backslash",
      /no path of a backup/,
      () => [["manifest.json", manifest([listed("state/a\\..\\b", "x")])]],
    ],
    [
      "one file under two names",
      /names a file twice/,
      () => [["manifest.json", manifest([good, listed("state/R2/x", "x")])]],
    ],
    [
      "an entry nobody announced",
      /"\.\.\/evil", which its manifest does not name/,
      () => [
        ["manifest.json", manifest([])],
        ["../evil", "x"],
      ],
    ],
    [
      "an entry that comes twice",
      /does not name \(or not twice\)/,
      () => [
        ["manifest.json", manifest([good])],
        ["state/r2/x", "data"],
        ["state/r2/x", "data"],
      ],
    ],
    [
      "a symbolic link",
      /"state\/r2\/x", which is no plain file \(SymbolicLink\)/,
      () => [
        ["manifest.json", manifest([good])],
        ["state/r2/x", "", { type: "SymbolicLink", linkpath: "/etc/passwd" }],
      ],
    ],
    [
      "a hard link",
      /no plain file \(Link\)/,
      () => [
        ["manifest.json", manifest([good])],
        ["state/r2/x", "", { type: "Link", linkpath: "manifest.json" }],
      ],
    ],
    [
      "a device",
      /no plain file \(CharacterDevice\)/,
      () => [
        ["manifest.json", manifest([good])],
        ["state/r2/x", "", { type: "CharacterDevice" }],
      ],
    ],
    [
      "another content",
      /"state\/r2\/x" is not what was backed up/,
      () => [
        ["manifest.json", manifest([good])],
        ["state/r2/x", "DATA"],
      ],
    ],
    [
      "another size",
      /"state\/r2\/x" has 5 bytes and not 4/,
      () => [
        ["manifest.json", manifest([good])],
        ["state/r2/x", "data!"],
      ],
    ],
    ["a missing file", /state\/r2\/x is missing/, () => [["manifest.json", manifest([good])]]],
    ["no manifest", /starts with "state\/r2\/x"/, () => [["state/r2/x", "data"]]],
    ["nothing", /Unrecognized archive/, () => []],
    ["a manifest that is none", /not valid JSON/, () => [["manifest.json", "{"]]],
    ["a later format", /format 2.*Use the newer one/, () => [["manifest.json", manifest([], { version: 2 })]]],
    [
      "a later database",
      /newer Porchlight.*"9999_later\.sql"/,
      () => [["manifest.json", manifest([], { migrations: ["9999_later.sql"] })]],
    ],
    [
      "more than the disk",
      /this disk has \d+ free/,
      () => [["manifest.json", manifest([{ ...good, bytes: 2 ** 52 }])]],
    ],
    [
      "a database that is none",
      /state\/d1\/x\.sqlite is no sound database/,
      () => [
        ["manifest.json", manifest([listed("state/d1/x.sqlite", "not a database, by far".repeat(40))])],
        ["state/d1/x.sqlite", "not a database, by far".repeat(40)],
      ],
    ],
  ])("is refused for %s", async (_what, sentence, entries) => {
    await archive(...entries());
    expect(await refusal(state.read())).toMatch(new RegExp(`^bad_backup: .*${sentence.source}`));
    expect(await readdir(root)).toEqual(expect.not.arrayContaining(["evil"]));
  });

  it("is refused when it unpacks to more than it says, before the disk is full", async () => {
    const bomb = "\0".repeat(40 * 1024 * 1024);
    await archive(["manifest.json", manifest([good])], ["state/r2/x", "data"], ["state/r2/more", bomb]);
    expect((await stat(file)).size).toBeLessThan(100_000);
    expect(await refusal(state.read())).toMatch(/^bad_backup: .*(more than its manifest says|does not name)/);
    const many = Buffer.concat([gunzipSync(await readFile(file)).subarray(0, 2048), Buffer.alloc(40 * 1024 * 1024)]);
    await writeFile(file, gzipSync(many));
    expect(await refusal(state.read())).toMatch(/^bad_backup: .*(more than its manifest says|cut off)/);
  });

  it("is refused wherever it is cut, or a bit of it turned", async () => {
    await writeBackup(folder, file);
    const whole = await readFile(file);
    for (const length of [0, 1, 10, 100, whole.length >> 1, whole.length - 9, whole.length - 1]) {
      await writeFile(file, whole.subarray(0, length));
      expect(await refusal(state.read()), `cut to ${length}`).toMatch(/^bad_backup/);
    }
    await writeFile(file, whole);
    const { manifest: original } = await state.read();
    let refusals = 0;
    for (let at = 12; at < whole.length - 8; at += Math.ceil(whole.length / 12)) {
      const bent = Buffer.from(whole);
      bent[at] = (bent[at] ?? 0) ^ 0x10;
      await writeFile(file, bent);
      // A few bits of a compressed stream mean nothing, or the same: then every file is still what it was.
      const outcome = await state.read().catch((error: { code: string }) => error.code);
      if (outcome === "bad_backup") refusals++;
      else expect(outcome, `bit at ${at}`).toMatchObject({ manifest: original });
    }
    expect(refusals).toBeGreaterThan(6);
    await writeFile(file, "PK\u0003\u0004 something else");
    expect(await refusal(state.read())).toMatch(/is no backup of an edge/);
    expect(await refusal(state.read({}, join(root, "none")))).toMatch(/^bad_usage: .*cannot be read/);
  });

  it("with a database newer than its manifest admits is refused", async () => {
    const d1 = await state.database(D1);
    d1.exec("INSERT INTO d1_migrations(name) VALUES ('9999_later.sql')");
    d1.close();
    await writeBackup(folder, file);
    expect(await refusal(state.read())).toMatch(/does not know its migration "9999_later\.sql"/);
  });
});

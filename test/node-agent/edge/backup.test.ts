import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";
import { Header } from "tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { backupEdge, restoreEdge } from "../../../node-agent/commands/edge-backup.ts";
import { dataFolder, type DataFolder } from "../../../node-agent/data-folder.ts";
import { encrypt } from "../../../node-agent/edge/backup/encryption.ts";
import { readBackup } from "../../../node-agent/edge/backup/read.ts";
import { finishRestore, switchState } from "../../../node-agent/edge/backup/switch.ts";
import { writeBackup } from "../../../node-agent/edge/backup/write.ts";
import { ROOT } from "../../../node-agent/edge/build.ts";

let root: string;
let folder: DataFolder;
let file: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "porchlight-backup-"));
  folder = dataFolder(join(root, "data"));
  file = join(root, "backup");
  await makeState();
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const KNOWN = (await readdir(join(ROOT, "migrations"))).filter((name) => name.endsWith(".sql")).slice(0, 2);
const D1 = "d1/miniflare-D1DatabaseObject/main.sqlite";
const HOME = "do/porchlight-Home/home.sqlite";

/** Databases and blobs where Miniflare keeps them. */
async function makeState(): Promise<void> {
  const d1 = await database(D1);
  d1.exec("CREATE TABLE d1_migrations(id INTEGER PRIMARY KEY, name TEXT)");
  for (const name of KNOWN) d1.prepare("INSERT INTO d1_migrations(name) VALUES (?)").run(name);
  d1.close();
  const home = await database(HOME);
  home.exec("CREATE TABLE jobs(id INTEGER PRIMARY KEY, half INTEGER)");
  home.close();
  await put("r2/bucket/blobs/00ab-1", "a blob");
  await put("cache/miniflare-CacheObject/entry", "nothing to keep");
  await writeFile(folder.owner, '{"apiKey":"k"}\n', { mode: 0o600 });
}
async function database(path: string): Promise<DatabaseSync> {
  await mkdir(dirname(join(folder.edge, path)), { recursive: true });
  const made = new DatabaseSync(join(folder.edge, path));
  made.exec("PRAGMA journal_mode = WAL");
  return made;
}
async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder.edge, path)), { recursive: true });
  await writeFile(join(folder.edge, path), text);
}
const flags = (more: object = {}) => ({ data: folder.root, force: false, ...more });
const refusal = async (work: Promise<unknown>) =>
  await work.then(
    () => "taken",
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );
async function read(from: string, options: { passphrase?: string } = {}, known = KNOWN) {
  const to = await mkdtemp(join(root, "to-"));
  const manifest = await readBackup(from, to, { knownMigrations: known, ...options });
  return { manifest, to };
}

describe("a backup", () => {
  it("holds databases, blobs and the owner's key, for its user alone", async () => {
    await writeBackup(folder, file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { manifest, to } = await read(file);
    expect(manifest.files.map(({ path }) => path)).toEqual([
      `state/${HOME}`,
      "state/r2/bucket/blobs/00ab-1",
      `state/${D1}`,
      "owner.json",
    ]);
    expect(manifest).toMatchObject({ version: 1, migrations: KNOWN });
    expect(await readFile(join(to, "state/r2/bucket/blobs/00ab-1"), "utf8")).toBe("a blob");
    expect(await readdir(root)).toEqual(expect.not.arrayContaining([expect.stringMatching(/^\.backup/)]));
    expect((await readdir(folder.root)).toSorted()).toEqual(["edge", "owner.json"]);
  });

  it("is of one moment for each database, whatever is written meanwhile", async () => {
    const home = new DatabaseSync(join(folder.edge, HOME));
    const insert = home.prepare("INSERT INTO jobs(half) VALUES (?)");
    let writing = true;
    let rounds = 0;
    const writer = (async () => {
      // Both halves of a pair or none: a copy in between would hold one.
      for (; writing; rounds++) {
        home.exec("BEGIN");
        for (let i = 0; i < 40; i++) insert.run(i % 2);
        home.exec("COMMIT");
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let i = 0; i < 3; i++) {
      await writeBackup(folder, file);
      const { to } = await read(file);
      const copy = new DatabaseSync(join(to, "state", HOME));
      expect(
        copy.prepare("SELECT sum(half) * 2 = count(*) AS whole, count(*) % 40 AS rest FROM jobs").get(),
      ).toMatchObject({
        rest: 0,
      });
      copy.close();
    }
    writing = false;
    await writer;
    home.close();
    expect(rounds).toBeGreaterThan(3);
  });

  it("inside age opens with its passphrase and no other, and not when it was changed", async () => {
    const secret = "correct horse battery";
    await writeBackup(folder, file);
    const sealed = await encrypt(Readable.from([await readFile(file)]), secret, 10);
    await writeFile(file, sealed);
    expect((await read(file, { passphrase: secret })).manifest.files).toHaveLength(4);
    expect(await refusal(read(file))).toMatch(/^bad_usage: .* is encrypted/);
    expect(await refusal(read(file, { passphrase: "another passphrase" }))).toMatch(
      /^bad_backup: .* passphrase is wrong/,
    );
    const bytes = await readFile(file);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    await writeFile(file, bytes);
    expect(await refusal(read(file, { passphrase: secret }))).toMatch(/^bad_backup: .* damaged or cut off/);
  });

  it("is encrypted where a passphrase is given, which is not too short", async () => {
    const secret = join(root, "secret");
    await writeFile(secret, "correct horse battery\n");
    expect(await backupEdge(flags({ passphraseFile: secret }), file)).toBe(0);
    expect((await readFile(file)).subarray(0, 21).toString()).toBe("age-encryption.org/v1");
    await writeFile(secret, "short");
    expect(await refusal(backupEdge(flags({ passphraseFile: secret }), join(root, "other")))).toMatch(/12 to 1024/);
  });

  it("is not written over a file, nor without a state", async () => {
    await writeFile(file, "something of mine");
    expect(await refusal(backupEdge(flags(), file))).toMatch(/^bad_usage: .* there already.*--force/);
    expect(await readFile(file, "utf8")).toBe("something of mine");
    expect(await backupEdge(flags({ force: true }), file)).toBe(0);
    expect(await refusal(backupEdge(flags({ data: join(root, "none") }), join(root, "b")))).toMatch(
      /^not_ready: .*no edge has run/,
    );
  });
});

describe("restoring", () => {
  it("puts everything back, keeps what was there aside, and asks before it does", async () => {
    await writeBackup(folder, file);
    await put("r2/bucket/blobs/00ab-1", "changed since");
    await writeFile(folder.owner, "changed since");
    expect(await refusal(restoreEdge(flags(), file))).toMatch(/^bad_usage: .* holds an edge's state.*--force/);
    expect(await restoreEdge(flags({ force: true }), file)).toBe(0);
    expect(await readFile(join(folder.edge, "r2/bucket/blobs/00ab-1"), "utf8")).toBe("a blob");
    expect(await readFile(folder.owner, "utf8")).toBe('{"apiKey":"k"}\n');
    const names = (await readdir(folder.root)).toSorted();
    expect(names).toEqual([
      "edge",
      expect.stringMatching(/^edge-before-restore-/),
      expect.stringMatching(/-owner\.json$/),
      "owner.json",
    ]);
    expect(await readFile(join(folder.root, names[1] ?? "", "r2/bucket/blobs/00ab-1"), "utf8")).toBe("changed since");
  });

  it("works where nothing is", async () => {
    await writeBackup(folder, file);
    await rm(folder.root, { recursive: true });
    expect(await restoreEdge(flags(), file)).toBe(0);
    expect((await readdir(folder.root)).toSorted()).toEqual(["edge", "owner.json"]);
  });

  it("changes nothing when the backup is bad, or the folder in use", async () => {
    await writeBackup(folder, file);
    await writeFile(file, (await readFile(file)).subarray(0, -50));
    const before = await readdir(folder.root);
    expect(await refusal(restoreEdge(flags({ force: true }), file))).toMatch(/^bad_backup/);
    expect(await readdir(folder.root)).toEqual(before);
  });

  it.each([0, 1, 2, 3])("is finished by the next start when it was killed after step %i", async (steps) => {
    await writeBackup(folder, file);
    const restored = await mkdtemp(join(folder.root, "edge-restored-"));
    await readBackup(file, restored, { knownMigrations: KNOWN });
    await put("r2/bucket/blobs/00ab-1", "changed since");
    await writeFile(folder.owner, "changed since");
    const plan = { restored: restored.slice(folder.root.length + 1), aside: "edge-before-restore-x" };
    await writeFile(join(folder.root, "edge-restore.json"), JSON.stringify(plan));
    const { rename } = await import("node:fs/promises");
    const moves = [
      [folder.edge, join(folder.root, plan.aside)],
      [join(restored, "state"), folder.edge],
      [folder.owner, join(folder.root, `${plan.aside}-owner.json`)],
    ] as const;
    for (const [from, to] of moves.slice(0, steps)) await rename(from, to);
    await finishRestore(folder);
    expect(await readFile(join(folder.edge, "r2/bucket/blobs/00ab-1"), "utf8")).toBe("a blob");
    expect(await readFile(folder.owner, "utf8")).toBe('{"apiKey":"k"}\n');
    expect(await readFile(join(folder.root, plan.aside, "r2/bucket/blobs/00ab-1"), "utf8")).toBe("changed since");
    await finishRestore(folder);
    await expect(switchState(folder, "../../evil", "edge-before-restore-x")).rejects.toThrow(/restored/);
  });
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
  async function archive(...entries: Entry[]): Promise<string> {
    const blocks = entries.flatMap(([path, text, more]) => {
      const header = new Header({ path, size: Buffer.byteLength(text), mode: 0o600, type: "File", ...more });
      const block = Buffer.alloc(512);
      header.encode(block, 0);
      return [block, Buffer.from(text), Buffer.alloc((512 - (Buffer.byteLength(text) % 512)) % 512)];
    });
    await writeFile(file, gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])));
    return file;
  }
  const good = listed("state/r2/x", "data");

  it("is told from a good one", async () => {
    expect(await refusal(read(await archive(["manifest.json", manifest([good])], ["state/r2/x", "data"])))).toBe(
      "taken",
    );
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
    const from = await archive(...entries());
    expect(await refusal(read(from))).toMatch(new RegExp(`^bad_backup: .*${sentence.source}`));
    expect(await readdir(root)).toEqual(expect.not.arrayContaining(["evil"]));
  });

  it("is refused when it unpacks to more than it says, before the disk is full", async () => {
    const bomb = "\0".repeat(40 * 1024 * 1024);
    await archive(["manifest.json", manifest([good])], ["state/r2/x", "data"], ["state/r2/more", bomb]);
    expect((await stat(file)).size).toBeLessThan(100_000);
    expect(await refusal(read(file))).toMatch(/^bad_backup: .*(more than its manifest says|does not name)/);
    const many = Buffer.concat([gunzipSync(await readFile(file)).subarray(0, 2048), Buffer.alloc(40 * 1024 * 1024)]);
    await writeFile(file, gzipSync(many));
    expect(await refusal(read(file))).toMatch(/^bad_backup: .*(more than its manifest says|cut off)/);
  });

  it("is refused wherever it is cut, or a bit of it turned", async () => {
    await writeBackup(folder, file);
    const whole = await readFile(file);
    for (const length of [0, 1, 10, 100, whole.length >> 1, whole.length - 9, whole.length - 1]) {
      await writeFile(file, whole.subarray(0, length));
      expect(await refusal(read(file)), `cut to ${length}`).toMatch(/^bad_backup/);
    }
    for (let at = 12; at < whole.length - 8; at += Math.ceil(whole.length / 12)) {
      const bent = Buffer.from(whole);
      bent[at] = (bent[at] ?? 0) ^ 0x10;
      await writeFile(file, bent);
      expect(await refusal(read(file)), `bit at ${at}`).toMatch(/^bad_backup/);
    }
    await writeFile(file, "PK\u0003\u0004 something else");
    expect(await refusal(read(file))).toMatch(/is no backup of an edge/);
    expect(await refusal(read(join(root, "none")))).toMatch(/^bad_usage: .*cannot be read/);
  });

  it("with a database newer than its manifest admits is refused", async () => {
    const d1 = new DatabaseSync(join(folder.edge, D1));
    d1.exec("INSERT INTO d1_migrations(name) VALUES ('9999_later.sql')");
    d1.close();
    await writeBackup(folder, file);
    expect(await refusal(read(file))).toMatch(/does not know its migration "9999_later\.sql"/);
  });
});

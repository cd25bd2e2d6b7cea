import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { backupEdge, restoreEdge } from "../../../node-agent/commands/edge-backup.ts";
import type { DataFolder } from "../../../node-agent/data-folder.ts";
import { encrypt } from "../../../node-agent/edge/backup/encryption.ts";
import { readBackup } from "../../../node-agent/edge/backup/read.ts";
import { finishRestore, switchState } from "../../../node-agent/edge/backup/switch.ts";
import { writeBackup } from "../../../node-agent/edge/backup/write.ts";
import { D1, EdgeState, HOME, KNOWN, refusal } from "../../support/edge-state.ts";

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

const flags = (more: object = {}) => ({ data: folder.root, force: false, ...more });

describe("a backup", () => {
  it("holds databases, blobs and the owner's key, for its user alone", async () => {
    await writeBackup(folder, file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { manifest, to } = await state.read();
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
    const writing = { on: true };
    let rounds = 0;
    const writer = (async () => {
      // Both halves of a pair or none: a copy in between would hold one.
      for (; writing.on; rounds++) {
        home.exec("BEGIN");
        for (let i = 0; i < 40; i++) insert.run(i % 2);
        home.exec("COMMIT");
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let i = 0; i < 3; i++) {
      await writeBackup(folder, file);
      const { to } = await state.read();
      const copy = new DatabaseSync(join(to, "state", HOME));
      expect(
        copy.prepare("SELECT sum(half) * 2 = count(*) AS whole, count(*) % 40 AS rest FROM jobs").get(),
      ).toMatchObject({
        rest: 0,
      });
      copy.close();
    }
    writing.on = false;
    await writer;
    home.close();
    expect(rounds).toBeGreaterThan(3);
  });

  it("inside age opens with its passphrase and no other, and not when it was changed", async () => {
    const secret = "correct horse battery";
    await writeBackup(folder, file);
    const sealed = await encrypt(Readable.from([await readFile(file)]), secret, 10);
    await writeFile(file, sealed);
    expect((await state.read({ passphrase: secret })).manifest.files).toHaveLength(4);
    expect(await refusal(state.read())).toMatch(/^bad_usage: .* is encrypted/);
    expect(await refusal(state.read({ passphrase: "another passphrase" }))).toMatch(
      /^bad_backup: .* passphrase is wrong/,
    );
    const bytes = await readFile(file);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    await writeFile(file, bytes);
    expect(await refusal(state.read({ passphrase: secret }))).toMatch(/^bad_backup: .* damaged or cut off/);
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
    await state.put("r2/bucket/blobs/00ab-1", "changed since");
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
    await state.put("r2/bucket/blobs/00ab-1", "changed since");
    await writeFile(folder.owner, "changed since");
    const plan = { restored: restored.slice(folder.root.length + 1), aside: "edge-before-restore-x" };
    await writeFile(join(folder.root, "edge-restore.json"), JSON.stringify(plan));
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

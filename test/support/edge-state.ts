import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type DataFolder, dataFolder } from "../../node-agent/data-folder.ts";
import { readBackup } from "../../node-agent/edge/backup/read.ts";
import { ROOT } from "../../node-agent/edge/build.ts";

/** Migrations that the state below has seen. */
export const KNOWN = (await readdir(join(ROOT, "migrations"))).filter((name) => name.endsWith(".sql")).slice(0, 2);
export const D1 = "d1/miniflare-D1DatabaseObject/main.sqlite";
export const HOME = "do/porchlight-Home/home.sqlite";

/** A data folder with an edge's state: databases and blobs where Miniflare keeps them. */
export class EdgeState {
  readonly root: string;
  readonly folder: DataFolder;
  /** Where a backup may go. */
  readonly file: string;

  private constructor(root: string) {
    this.root = root;
    this.folder = dataFolder(join(root, "data"));
    this.file = join(root, "backup");
  }

  static async make(): Promise<EdgeState> {
    const state = new EdgeState(await mkdtemp(join(tmpdir(), "porchlight-backup-")));
    const d1 = await state.database(D1);
    d1.exec("CREATE TABLE d1_migrations(id INTEGER PRIMARY KEY, name TEXT)");
    for (const name of KNOWN) d1.prepare("INSERT INTO d1_migrations(name) VALUES (?)").run(name);
    d1.close();
    const home = await state.database(HOME);
    home.exec("CREATE TABLE jobs(id INTEGER PRIMARY KEY, half INTEGER)");
    home.close();
    await state.put("r2/bucket/blobs/00ab-1", "a blob");
    await state.put("cache/miniflare-CacheObject/entry", "nothing to keep");
    await writeFile(state.folder.owner, '{"apiKey":"k"}\n', { mode: 0o600 });
    return state;
  }

  async database(path: string): Promise<DatabaseSync> {
    await mkdir(dirname(join(this.folder.edge, path)), { recursive: true });
    const made = new DatabaseSync(join(this.folder.edge, path));
    made.exec("PRAGMA journal_mode = WAL");
    return made;
  }

  async put(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder.edge, path)), { recursive: true });
    await writeFile(join(this.folder.edge, path), text);
  }

  /** Unpacks a backup into a new folder. */
  async read(options: { passphrase?: string } = {}, from = this.file) {
    const to = await mkdtemp(join(this.root, "to-"));
    return { manifest: await readBackup(from, to, { knownMigrations: KNOWN, ...options }), to };
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** What somebody is told whose work is refused; "taken" if it is not. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "taken",
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );
}

import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import { isAlive } from "../process-alive.ts";

/** The registry does not look into names that start with a dot. */
const PREFIX = ".work-";
/** Texts to measure and calibrate on: more takes hours and says nothing new. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** A folder of this process on the disk of `parent`, which goes when it is disposed of, and at the latest when another is made. */
export async function workFolder(parent: string): Promise<AsyncDisposable & { path: string }> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  for (const name of await readdir(parent)) {
    const owner = Number(name.startsWith(PREFIX) ? name.slice(PREFIX.length).split("-")[0] : Number.NaN);
    if (owner > 0 && !isAlive(owner)) await rm(join(parent, name), { recursive: true, force: true });
  }
  const path = await mkdtemp(join(parent, `${PREFIX}${process.pid}-`));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A text file that was named on the command line. Throws `invalid_request`. */
export async function readText(path: string): Promise<string> {
  const size = await stat(path).then(
    (entry) => (entry.isFile() ? entry.size : undefined),
    () => undefined,
  );
  if (size === undefined) throw new PorchlightError("invalid_request", `There is no file ${path}.`);
  if (size > MAX_TEXT_BYTES)
    throw new PorchlightError("invalid_request", `${path} is larger than 64 MiB: give a part of it.`);
  return await readFile(path, "utf8");
}

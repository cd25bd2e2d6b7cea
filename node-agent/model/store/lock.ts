import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { PorchlightError } from "../../../shared/errors.ts";
import { isAlive } from "../../process-alive.ts";

/**
 * Takes the lock file at `path` for this process until it is disposed of. A lock whose process died is taken over. Throws `model_busy`
 * when a living process has it.
 */
export async function takeLock(path: string): Promise<AsyncDisposable> {
  while (!(await create(path))) {
    const owner = Number(await readFile(path, "utf8").catch(() => "0"));
    if (owner > 0 && isAlive(owner)) throw busy(path, owner);
    await removeStale(path, owner);
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function create(path: string): Promise<boolean> {
  // A link appears with its content: nobody ever reads a lock that has no owner yet.
  const draft = `${path}.${process.pid}.${crypto.randomUUID()}`;
  await writeFile(draft, String(process.pid));
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Moves the dead process's lock away; if another took the lock over in between, it gets it back. */
async function removeStale(path: string, owner: number): Promise<void> {
  const aside = `${path}.stale.${crypto.randomUUID()}`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  const taken = Number(await readFile(aside, "utf8"));
  if (taken !== owner && isAlive(taken)) {
    await rename(aside, path);
    throw busy(path, taken);
  }
  await rm(aside, { force: true });
}

function busy(path: string, owner: number): PorchlightError {
  const message = `Process ${owner} is working on this model. Wait until it is done; if it is no porchlight, remove ${path}.`;
  return new PorchlightError("model_busy", message);
}

import { createHash } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { PorchlightError } from "../../../shared/errors.ts";
import { isAlive } from "../../process-alive.ts";
import { codeOf, ignoreMissing } from "./file-system.ts";

/**
 * Takes the lock file at `path` for this process until it is disposed of. A lock whose process died is taken over. Throws `model_busy`
 * when a living process has it.
 */
export async function takeLock(path: string): Promise<AsyncDisposable> {
  const own = `${process.pid} ${crypto.randomUUID()}`;
  for (;;) {
    if (await create(path, own)) break;
    const found = await readFile(path, "utf8").catch(ignoreMissing);
    if (found === undefined) continue;
    const owner = Number.parseInt(found, 10);
    if (owner > 0 && isAlive(owner)) throw busy(path, owner);
    if (await inherit(path, found, own)) break;
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

const POLL_MS = 15;
/** What is done under a store's lock takes moments; a disk may stall for a while. */
const PATIENCE_MS = 60_000;

/** As `takeLock`, but waits while a living process has it. Throws `model_busy` after a minute. */
export async function waitForLock(path: string, patienceMs: number = PATIENCE_MS): Promise<AsyncDisposable> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await takeLock(path);
    } catch (error) {
      const isBusy = error instanceof PorchlightError && error.code === "model_busy";
      if (!isBusy || performance.now() > deadline) throw error;
      await sleep(POLL_MS * (0.5 + Math.random()));
    }
  }
}

/** Runs `action`, then gives the lock back. */
export async function holding<T>(lock: AsyncDisposable, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } finally {
    await lock[Symbol.asyncDispose]();
  }
}

async function create(path: string, content: string): Promise<boolean> {
  // A link appears with its content: nobody ever reads a lock that has no owner yet.
  const draft = await write(path, content);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Replaces a dead process's lock by ours. Who replaces it holds a lock named after it meanwhile: nobody else can, and once it is replaced
 * it is not what a later one has read.
 */
async function inherit(path: string, stale: string, own: string): Promise<boolean> {
  const name = createHash("sha256").update(stale).digest("hex").slice(0, 16);
  return await holding(await takeLock(`${path}.${name}`), async () => {
    if ((await readFile(path, "utf8").catch(ignoreMissing)) !== stale) return false;
    await rename(await write(path, own), path);
    return true;
  });
}

async function write(path: string, content: string): Promise<string> {
  const draft = `${path}.${crypto.randomUUID()}`;
  await writeFile(draft, content);
  return draft;
}

function busy(path: string, owner: number): PorchlightError {
  const message = `Process ${owner} is working on this model. Wait until it is done; if it is no porchlight, remove ${path}.`;
  return new PorchlightError("model_busy", message);
}

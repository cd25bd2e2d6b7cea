import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PorchlightError } from "../../shared/errors.ts";
import { differences, HASTY, pullFrom, visibleModels } from "./hub-pull.ts";
import { noise, TestHub } from "./hub-server.ts";
import { temporaryFolder } from "./model-temp.ts";

export const PART_BYTES = 256 * 1024;
const SIZE = 16 * PART_BYTES + 777;
const FILE = "model.gguf";
const CHILD = new URL("hub-pull-child.ts", import.meta.url);

/** The hub cuts a connection, the user stops the pull, the process is killed. */
export type Interruption = "drop" | "stop" | "kill";

/** What came of a pull that was interrupted again and again. */
export interface Interrupted {
  /** Bytes that each interruption made the hub send in vain. */
  wasted: number[];
  /** Files that differ from the hub's at the end. */
  different: string[];
  /** Names that could be seen in the models folder before the end. */
  seenEarly: string[];
}

/** Pulls one model, interrupted at random bytes in the ways given, one after the other, and then lets it finish. */
export async function interruptPull(random: () => number, kinds: readonly Interruption[]): Promise<Interrupted> {
  await using folder = await temporaryFolder();
  const files = { [FILE]: noise(Math.floor(random() * 1e6), SIZE) };
  let dropAfter: number | undefined;
  let pauseMs = 0;
  await using hub = await TestHub.start({
    files,
    pieceBytes: 2 * 1024,
    // Paced, so that what is on the way at any moment is little beside a part.
    fault: ({ range }) => {
      const [start = 0, end = 0] = range?.match(/\d+/g)?.map(Number) ?? [];
      if (dropAfter === undefined || end - start < dropAfter) return { pauseMs };
      const fault = { pauseMs, dropAfter };
      dropAfter = undefined;
      return fault;
    },
  });
  const result: Interrupted = { wasted: [], different: [], seenEarly: [] };
  let wastedBefore = 0;
  for (const [index, kind] of kinds.entries()) {
    // Each has a share of what is left: the last one still has something to interrupt.
    const left = SIZE - (await keptBytes(folder.path));
    const share = Math.ceil((random() * left) / (kinds.length - index));
    // The other connections come as far as the one that is cut.
    dropAfter = kind === "drop" ? Math.min(PART_BYTES - 1, Math.ceil(share / 4)) : undefined;
    // A process that has just started is slow to read: what waits for it at its socket was not received by it.
    pauseMs = kind === "kill" ? 10 : 0;
    await (kind === "kill" ? killPull(hub, folder.path, share / 2) : stopPull(hub, folder.path, kind, share));
    await hub.settled();
    const wasted = (hub.sent.get(FILE) ?? 0) - (await keptBytes(folder.path));
    result.wasted.push(wasted - wastedBefore);
    wastedBefore = wasted;
    result.seenEarly.push(...(await visibleModels(folder.path)));
  }
  pauseMs = 0;
  const pulled = await pullFrom(hub, folder.path, { partBytes: PART_BYTES });
  result.different = await differences(pulled.folder, files);
  return result;
}

/**
 * Kills (-9) a pull that puts a new model in an old one's place, at a random moment of its life. Returns the files that are neither the old
 * model's nor the new one's after that, or that are not the new one's once it was pulled again.
 */
export async function killReplacement(random: () => number): Promise<string[]> {
  await using folder = await temporaryFolder();
  const old = { [FILE]: noise(1, PART_BYTES) };
  const now = { [FILE]: noise(2, 3 * PART_BYTES) };
  await using hub = await TestHub.start({ files: old });
  const { folder: model } = await pullFrom(hub, folder.path, { partBytes: PART_BYTES });
  hub.options = { files: now, listing: (listing) => ({ ...listing, sha: "e".repeat(40) }) };
  const child = forkPull(hub, folder.path);
  const exited = once(child, "exit");
  const before = hub.requests.length;
  while (hub.requests.length === before && child.exitCode === null) await sleep(1);
  await sleep(random() * 40);
  child.kill("SIGKILL");
  await exited;
  await hub.settled();
  const isThere = (await visibleModels(folder.path)).length > 0;
  const [unlikeOld, unlikeNew] = isThere ? [await differences(model, old), await differences(model, now)] : [[], []];
  await pullFrom(hub, folder.path, { partBytes: PART_BYTES });
  return [...(unlikeOld.length > 0 ? unlikeNew : []), ...(await differences(model, now))];
}

/** What the journal vouches for. */
async function keptBytes(modelsDir: string): Promise<number> {
  const journal = await readFile(join(modelsDir, ".pull", "model", "parts", `${FILE}.journal`)).catch(() =>
    Buffer.alloc(0),
  );
  let kept = 0;
  for (let at = 32; at < journal.length; at += 8) kept += Number(journal.readBigUInt64LE(at));
  return kept;
}

/** A pull that ends at the first cut connection, or is stopped after `share` bytes. */
async function stopPull(hub: TestHub, modelsDir: string, kind: "drop" | "stop", share: number): Promise<void> {
  const controller = new AbortController();
  let received = 0;
  const pulling = pullFrom(hub, modelsDir, {
    partBytes: PART_BYTES,
    retry: { ...HASTY, attempts: 1 },
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === "received" && !event.kept) received += event.bytes;
      if (kind === "stop" && received >= share) controller.abort(new PorchlightError("cancelled"));
    },
  });
  const error: unknown = await pulling.then(
    () => new Error("The pull was not interrupted."),
    (reason: unknown) => reason,
  );
  const expected = kind === "drop" ? "model_download_failed" : "cancelled";
  if (!(error instanceof PorchlightError) || error.code !== expected) throw error;
}

/** A pull in a process of its own that is killed (-9) once the hub has sent `share` bytes. */
async function killPull(hub: TestHub, modelsDir: string, share: number): Promise<void> {
  const start = hub.totalSent;
  const child = forkPull(hub, modelsDir);
  const exited = once(child, "exit");
  while (hub.totalSent - start < share && child.exitCode === null) await sleep(1);
  child.kill("SIGKILL");
  const [, signal] = await exited;
  if (signal !== "SIGKILL") throw new Error("The pull ended before it was killed.");
}

function forkPull(hub: TestHub, modelsDir: string): ChildProcess {
  return fork(CHILD, [hub.endpoint, modelsDir, "acme/tiny", String(PART_BYTES)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

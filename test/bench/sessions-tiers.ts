import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ensureOwner } from "../../node-agent/commands/owner.ts";
import { dataFolder } from "../../node-agent/data-folder.ts";
import { startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { freePort } from "../support/stack.ts";
import { importedSchema, Site, turnsSchema } from "./sessions-site.ts";

const SETUP_TOKEN = "bench";
const TURNS = 60;
const SHOWN_TURNS = 8;
const DAY_MS = 86_400_000;
/** Until everything has moved, or something is wrong. */
const PATIENCE_MS = 240_000;

const checkSchema = z.object({
  segments: z.number(),
  turns: z.number(),
  bytes: z.number(),
  damaged: z.array(z.string()),
});

const restoredSchema = z.object({ turns: z.number(), seconds: z.number() });

export interface TiersMeasured {
  /** Milliseconds to the last turns of a conversation that is at home: through the tunnel, and once they are in memory. */
  cold: number[];
  again: number[];
  /** The same at a machine that lost its archive and took it from the backup. */
  restored: number[];
  /** How long that took. */
  restoredSeconds: number;
  turns: number;
  jsonBytes: number;
  /** Compressed segments, and sealed objects. */
  coldBytes: number;
  backupBytes: number;
  /** From the import to the last turn at home. */
  movedSeconds: number;
}

/** A household whose conversations are a month old, and a machine at home that keeps them. */
export async function measureTiers(
  conversations: number,
  turn: (at: number, turn: number) => object,
): Promise<TiersMeasured> {
  const root = await mkdtemp(join(tmpdir(), "porchlight-tiers-"));
  const folder = dataFolder(root);
  const archive = join(root, "archive");
  await mkdir(archive);
  const port = await freePort();
  const start = () => startEmbeddedEdge({ stateDir: folder.edge, port, setupToken: SETUP_TOKEN });
  let edge = await start();
  const owner = await ensureOwner(edge.origin, SETUP_TOKEN, folder.owner);
  const options = { enrolUrl: await owner.pairingUrl(), identityFile: folder.localIdentity, folder: archive };
  const startAgent = (from: object): ChildProcess =>
    fork(fileURLToPath(new URL("sessions-agent.ts", import.meta.url)), [JSON.stringify(from)]);
  let agent = startAgent(options);
  try {
    await online(agent);
    const imported = await importOld(new Site(edge.origin, owner.apiKey), conversations, turn);
    const turns = conversations * TURNS;
    const coldBytes = await moved(agent, turns);
    const movedSeconds = (performance.now() - imported.began) / 1000;
    const backupBytes = await settledBytes(folder.edge);
    const restarted = async (): Promise<Site> => {
      await edge.stop();
      edge = await start();
      return new Site(edge.origin, owner.apiKey);
    };
    const back = online(agent);
    const site = await restarted();
    await back;
    const cold = await reopen(site, imported.ids);
    const again = await reopen(site, imported.ids.slice(-1), conversations);

    await ended(agent);
    for (const name of await readdir(archive)) if (name.startsWith("archive.db")) await rm(join(archive, name));
    const fresh = await restarted();
    agent = startAgent({ identityFile: folder.localIdentity, folder: archive });
    const [report]: unknown[] = await once(agent, "message");
    const { seconds: restoredSeconds, turns: restoredTurns } = restoredSchema.parse(report);
    if (restoredTurns !== turns) throw new Error(`${restoredTurns} of ${turns} turns came back.`);
    await online(agent);
    const restored = await reopen(fresh, imported.ids);
    const { jsonBytes } = imported;
    return { cold, again, restored, restoredSeconds, turns, jsonBytes, coldBytes, backupBytes, movedSeconds };
  } finally {
    await ended(agent);
    await edge.stop();
    await rm(root, { recursive: true, force: true });
  }
}

/** Brings in conversations that ended a month ago. */
async function importOld(site: Site, conversations: number, turn: (at: number, turn: number) => object) {
  const began = performance.now();
  const atMs = Date.now() - 30 * DAY_MS;
  let jsonBytes = 0;
  const ids: string[] = [];
  for (let at = 0; at < conversations; at++) {
    const turns = Array.from({ length: TURNS }, (_, index) => ({ ...turn(at, index), createdAtMs: atMs }));
    jsonBytes += JSON.stringify(turns).length;
    const from = { kind: "openai", id: String(at) };
    const session = { from, title: `Old talk ${at}`, createdAtMs: atMs, updatedAtMs: atMs, settings: {}, turns };
    const answer = await site.call(importedSchema, "/api/sessions/import", { sessions: [session] });
    ids.push(...answer.sessions.flatMap(({ id }) => id ?? []));
  }
  return { ids, jsonBytes, began };
}

/** Milliseconds to the last turns of each. */
async function reopen(site: Site, ids: readonly string[], rounds = ids.length): Promise<number[]> {
  const path = (round: number): string =>
    `/api/sessions/${ids[round % ids.length] ?? ""}/turns?from=${TURNS - SHOWN_TURNS}&limit=${SHOWN_TURNS}`;
  return await site.time(path, turnsSchema, rounds);
}

/** Ends an agent, and waits for that. */
export async function ended(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  const exited = once(agent, "exit");
  agent.kill();
  await exited;
}

/** Waits until an agent says that it is online. */
export async function online(agent: ChildProcess): Promise<void> {
  for (;;) {
    const [message]: unknown[] = await once(agent, "message");
    if (message === "online") return;
  }
}

/** Waits until so many turns are in the archive. Returns what they take there, compressed. */
async function moved(agent: ChildProcess, turns: number): Promise<number> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  for (;;) {
    agent.send("check");
    const [message]: unknown[] = await once(agent, "message");
    const found = checkSchema.safeParse(message);
    if (found.success && found.data.damaged.length > 0) throw new Error("The archive is damaged.");
    if (found.success && found.data.turns === turns) return found.data.bytes;
    if (Date.now() > deadlineMs) throw new Error(`${found.data?.turns} of ${turns} turns went home.`);
    await sleep(500);
  }
}

/** What the bucket's objects take, once no more come. */
async function settledBytes(folder: string): Promise<number> {
  let last = -1;
  for (let same = 0; same < 6; ) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const blobs = entries.filter((entry) => entry.isFile() && entry.parentPath.includes("blobs"));
    const sizes = await Promise.all(blobs.map(async (blob) => (await stat(join(blob.parentPath, blob.name))).size));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    same = bytes === last ? same + 1 : 0;
    last = bytes;
    await sleep(500);
  }
  return last;
}

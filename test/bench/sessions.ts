import { type ChildProcess, fork } from "node:child_process";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ensureOwner } from "../../node-agent/commands/owner.ts";
import { dataFolder } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { freePort } from "../support/stack.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { homeFiles, topicName, writeVectors } from "./sessions-meaning.ts";
import { importedSchema, Site, turnsSchema } from "./sessions-site.ts";
import { ended, measureTiers, online, type TiersMeasured } from "./sessions-tiers.ts";
import { quantile } from "./statistics.ts";

const SETUP_TOKEN = "bench";
const SESSIONS = 100_000;
const BATCH = 50;
const TURNS = 2;
/** Of the conversation that is reopened. */
const LONG_TURNS = 60;
/** What a page shows first. */
const SHOWN_TURNS = 8;
/** When all turns were said. */
const SAID_AT_MS = Date.now();
/** Chance that repeats itself. */
const SEED = 20_261_123;

/** A word in each of about this many sessions. */
const RARE_EVERY = 20_000;
const COMMON_EVERY = 10;

const listSchema = z.object({ sessions: z.array(z.object({ id: z.string() })), next: z.string().nullable() });
const searchSchema = z.object({ hits: z.array(z.object({ sessionId: z.string() })), meaning: z.boolean() });

/** Conversations by the real Worker and Durable Object in workerd, asked over HTTP as a page asks. */
export const sessions: Bench = {
  name: "sessions",
  summary: "conversations: reopening one, listing and searching 100,000, bytes per turn",
  run: async ({ quick }) => {
    await buildEdgeIfNeeded();
    const hot = await measureHot(quick ? SESSIONS / 20 : SESSIONS, quick ? 20 : 100);
    const tiers = await measureTiers(quick ? 10 : 40, writer(SEED).turn);
    return report({ ...hot, tiers });
  },
};

/** A household with so many conversations, all of them young. */
async function measureHot(count: number, rounds: number): Promise<Omit<Found, "tiers">> {
  const root = await mkdtemp(join(tmpdir(), "porchlight-sessions-"));
  const folder = dataFolder(root);
  const port = await freePort();
  const start = () => startEmbeddedEdge({ stateDir: folder.edge, port, setupToken: SETUP_TOKEN });
  let edge: Awaited<ReturnType<typeof start>> | undefined = await start();
  let agent: ChildProcess | undefined;
  try {
    const owner = await ensureOwner(edge.origin, SETUP_TOKEN, folder.owner);
    const site = new Site(edge.origin, owner.apiKey);
    const filled = await fill(site, count);
    // A household that was not asked for a while: its object, and its memory, are gone.
    await edge.stop();
    edge = undefined;
    const bytes = await storedBytes(folder.edge);
    edge = await start();
    const measured = await measure(site, filled.long, rounds);
    await edge.stop();
    edge = undefined;
    const vectors = await writeVectors(folder.edge, SAID_AT_MS);
    edge = await start();
    await mkdir(join(root, "archive"));
    const from = { identityFile: folder.localIdentity, folder: join(root, "archive"), embeds: true };
    agent = fork(fileURLToPath(new URL("sessions-agent.ts", import.meta.url)), [
      JSON.stringify({ ...from, enrolUrl: await owner.pairingUrl() }),
    ]);
    await online(agent);
    const meaning = await searchByMeaning(site, topicName(11), rounds);
    return { count, filled, bytes, measured, vectors, meaning };
  } finally {
    if (agent !== undefined) await ended(agent);
    await edge?.stop();
    await rm(root, { recursive: true, force: true });
  }
}

interface Filled {
  /** A conversation of `LONG_TURNS`. */
  long: string;
  jsonBytes: number;
  turns: number;
  seconds: number;
}

/** Brings conversations in by the route for that. */
async function fill(site: Site, count: number): Promise<Filled> {
  const write = writer(SEED);
  const began = performance.now();
  let jsonBytes = 0;
  const add = async (batch: object[]): Promise<string | null | undefined> => {
    const answer = await site.call(importedSchema, "/api/sessions/import", { sessions: batch });
    if (answer.sessions.some(({ state }) => state !== "added")) throw new Error("A conversation was not taken.");
    return answer.sessions[0]?.id;
  };
  const conversation = (at: number, turns: number): object => {
    const made = Array.from({ length: turns }, (_, turn) => write.turn(at, turn));
    jsonBytes += JSON.stringify(made).length;
    const atMs = Date.now() - (count - at) * 1000;
    const from = { kind: "openai", id: String(at) };
    return { from, title: write.title(at), createdAtMs: atMs, updatedAtMs: atMs, settings: {}, turns: made };
  };
  for (let at = 0; at < count; at += BATCH) {
    await add(Array.from({ length: BATCH }, (_, one) => conversation(at + one, TURNS)));
  }
  const long = await add([conversation(count, LONG_TURNS)]);
  if (typeof long !== "string") throw new Error("The long conversation has no id.");
  const seconds = (performance.now() - began) / 1000;
  return { long, jsonBytes, turns: count * TURNS + LONG_TURNS, seconds };
}

/** Texts of made-up words, some words far more often than others (Zipf's law). */
function writer(seed: number) {
  let state = seed;
  const random = (): number => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const syllables = [
    "ka",
    "lo",
    "mi",
    "ren",
    "sta",
    "vo",
    "tel",
    "un",
    "bri",
    "so",
    "dha",
    "pel",
    "qui",
    "gor",
    "an",
    "es",
  ];
  const word = (): string => {
    let rank = Math.floor(20_000 ** random());
    let text = "";
    do {
      text += syllables[rank % syllables.length] ?? "";
      rank = Math.floor(rank / syllables.length);
    } while (rank > 0);
    return text;
  };
  const words = (count: number): string => Array.from({ length: count }, word).join(" ");
  return {
    title: (at: number): string => `${words(4)}${at % RARE_EVERY === 7 ? " heliotrope" : ""}`,
    turn: (at: number, turn: number) => {
      const marks = `${at % RARE_EVERY === 11 ? " 长城 zanzibar" : ""}${at % COMMON_EVERY === 0 ? " lantern" : ""}`;
      return {
        createdAtMs: SAID_AT_MS,
        messages: [
          { role: "user", content: `${words(15)}${marks}` },
          { role: "assistant", content: `${words(80)} ${at}.${turn}` },
        ],
        model: "starter",
        state: "complete",
      };
    },
  };
}

async function measure(site: Site, long: string, rounds: number) {
  const first = `/api/sessions/${long}/turns?from=${LONG_TURNS - SHOWN_TURNS}&limit=${SHOWN_TURNS}`;
  const pages: string[] = [];
  const opened = await site.time(() => first, turnsSchema, 1);
  const samples = {
    reopen: await site.time(() => first, turnsSchema, rounds),
    whole: await site.time(
      (round) => `/api/sessions/${long}/turns?from=${(round % 2) * 10}&limit=50`,
      turnsSchema,
      rounds,
    ),
    list: await site.time(() => "/api/sessions?limit=50", listSchema, rounds),
  };
  for (let before = ""; pages.length < rounds; ) {
    const start = performance.now();
    const page = await site.call(listSchema, `/api/sessions?limit=200${before}`);
    pages.push(String(performance.now() - start));
    if (page.next === null) break;
    before = `&before=${page.next}`;
  }
  return {
    opened,
    samples,
    pages: pages.map(Number),
    rare: await searchOf(site, "zanzibar", rounds),
    chinese: await searchOf(site, "长城", rounds),
    common: await searchOf(site, "lantern", rounds),
    title: await searchOf(site, "heliotrope", rounds),
  };
}

interface Searched {
  ms: number[];
  hits: number;
  /** Whether it was by meaning as well. */
  meaning: boolean;
}

async function searchOf(site: Site, question: string, rounds: number): Promise<Searched> {
  const path = `/api/sessions/search?q=${encodeURIComponent(question)}&limit=20`;
  const { hits, meaning } = await site.call(searchSchema, path);
  return { ms: await site.time(() => path, searchSchema, rounds), hits: hits.length, meaning };
}

/** The first searches after a start may be by words alone, and are not what is measured. */
async function searchByMeaning(site: Site, question: string, rounds: number): Promise<Searched> {
  for (let tries = 0; tries < 100; tries++) {
    const { meaning } = await searchOf(site, question, 0);
    if (meaning) break;
    await sleep(100);
  }
  return await searchOf(site, question, rounds);
}

/** What the objects' SQLite files take, all together. */
async function storedBytes(folder: string): Promise<number> {
  const sizes = await Promise.all((await homeFiles(folder)).map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

interface Found {
  count: number;
  filled: Filled;
  bytes: number;
  measured: Awaited<ReturnType<typeof measure>>;
  /** Of turns, and a search that goes through all of them. */
  vectors: number;
  meaning: Searched;
  tiers: TiersMeasured;
}

function report({ count, filled, bytes, measured, vectors, meaning, tiers }: Found): BenchResult {
  if (!meaning.meaning || meaning.hits === 0) throw new Error("Nothing was found by meaning.");
  const { opened, samples, pages, rare, chinese, common, title } = measured;
  const rows: [string, string, readonly number[]][] = [
    ["the first request to a household that slept", "reopen_first", opened],
    [`a hot session reopened: its last ${SHOWN_TURNS} turns`, "reopen_hot", samples.reopen],
    ["a cold session reopened, through the tunnel", "reopen_cold", tiers.cold],
    ["the same once more", "reopen_cold_again", tiers.again],
    ["a restored session reopened", "reopen_restored", tiers.restored],
    ["fifty turns of the hot one", "read_50", samples.whole],
    [`the newest 50 of ${count} sessions`, "list_first", samples.list],
    ["each 200 further down the list", "list_page_200", pages],
    [`search, a word of ${rare.hits} hits`, "search_rare", rare.ms],
    [`search in Chinese, ${chinese.hits} hits`, "search_chinese", chinese.ms],
    [`search, a word in every ${COMMON_EVERY}th session`, "search_common", common.ms],
    [`search, a word of ${title.hits} titles`, "search_title", title.ms],
    [`search by meaning, through the vectors of ${vectors} turns`, "search_meaning", meaning.ms],
  ];
  const figures = Object.fromEntries(
    rows.flatMap(([, name, times]) => [
      [`sessions.${name}.p50_ms`, quantile(times, 0.5)],
      [`sessions.${name}.p99_ms`, quantile(times, 0.99)],
    ]),
  );
  const hotBytes = bytes / filled.turns;
  const plainBytes = filled.jsonBytes / filled.turns;
  return {
    title: `Conversations: ${count} sessions of ${TURNS} turns, over HTTP`,
    columns: ["what", "p50 ms", "p99 ms"],
    rows: rows.map(([what, , times]) => [what, quantile(times, 0.5), quantile(times, 0.99)]),
    figures: {
      ...figures,
      "sessions.import_per_second": (count + 1) / filled.seconds,
      "sessions.plain_bytes_per_turn": plainBytes,
      "sessions.hot_bytes_per_turn": hotBytes,
      "sessions.cold_bytes_per_turn": tiers.coldBytes / tiers.turns,
      "sessions.backup_bytes_per_turn": tiers.backupBytes / tiers.turns,
      "sessions.moved_turns_per_second": tiers.turns / tiers.movedSeconds,
      "sessions.restored_turns_per_second": tiers.turns / tiers.restoredSeconds,
    },
    notes: [
      `Brought in by POST /api/sessions/import, ${BATCH} at a time: ${Math.round(count / filled.seconds)} sessions/s.`,
      `A turn is ${Math.round(plainBytes)} bytes of JSON, and ${Math.round(hotBytes)} in the object's SQLite with its session and both indexes.`,
      `Of ${Math.round(tiers.jsonBytes / tiers.turns)} bytes, a cold turn takes ${Math.round(tiers.coldBytes / tiers.turns)} at home, ` +
        `compressed, and ${Math.round(tiers.backupBytes / tiers.turns)} sealed in the bucket: of made-up words, which compress badly.`,
      `${tiers.turns} old turns were at home ${tiers.movedSeconds.toFixed(1)} s after their import began; a machine that had lost them had ` +
        `them back from the bucket in ${tiers.restoredSeconds.toFixed(1)} s.`,
      "The vectors were written into the stopped edge's file; the question's came from a machine through the tunnel, where it took no time.",
      "The edge was stopped and started in between: nothing was in memory.",
    ],
  };
}

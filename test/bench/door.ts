import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ensureOwner } from "../../node-agent/commands/owner.ts";
import { dataFolder } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { freePort } from "../support/stack.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { quantile } from "./statistics.ts";

const SETUP_TOKEN = "bench";
const WARM_UP = 200;
const CALLERS = 8;
/** What many callers do at once is measured in so many turns of each kind. */
const TURNS = 10;
/** Of door.md: a cached check at this concurrency, in the prototype. */
const DESIGN_CACHED_MS = 1.8;

interface Site {
  origin: string;
  /** Unlimited, and with all three limits so high that they never refuse. */
  keys: { unlimited: string; limited: string };
  newKey(): Promise<string>;
}

/** What accounts, keys and limits add to a request, with the real Worker, Durable Object and D1 in workerd. */
export const door: Bench = {
  name: "door",
  summary: "key check cold and cached, latency with limits on and off, requests/s per core",
  run: async ({ quick }) => {
    await buildEdgeIfNeeded();
    const root = await mkdtemp(join(tmpdir(), "porchlight-door-"));
    const folder = dataFolder(root);
    const edge = await startEmbeddedEdge({ stateDir: folder.edge, port: await freePort(), setupToken: SETUP_TOKEN });
    const owner = await ensureOwner(edge.origin, SETUP_TOKEN, folder.owner);
    const agent = fork(fileURLToPath(new URL("relay-agent.ts", import.meta.url)), [
      JSON.stringify({ enrolUrl: await owner.pairingUrl(), identityFile: folder.localIdentity, key: "bench" }),
    ]);
    try {
      await new Promise((resolve, reject) => agent.once("message", resolve).once("exit", reject));
      const newKey = (limits: object = {}) => makeKey(edge.origin, owner.apiKey, limits);
      const limits = { requestsPerMinute: 100_000, tokensPerDay: 1e12, nodeSecondsPerDay: 1e8 };
      const keys = { unlimited: await newKey(), limited: await newKey(limits) };
      const site: Site = { origin: edge.origin, keys, newKey };
      return report(await measure(site, quick ? 100 : 600));
    } finally {
      agent.kill();
      await edge.stop();
      await rm(root, { recursive: true, force: true });
    }
  },
};

async function measure(site: Site, rounds: number) {
  const { origin, keys } = site;
  // Refused with 404 before the Home object is asked: the Worker and the key's check, nothing else.
  const checked = `${origin}/api/nothing`;
  const open = `${origin}/v1x`;
  const samples = { open: [] as number[], cached: [] as number[], cold: [] as number[] };
  for (let round = -WARM_UP; round < rounds; round++) {
    const fresh = round < 0 || round % 10 !== 0 ? undefined : await site.newKey();
    const pair = { open: await time(open, keys.unlimited), cached: await time(checked, keys.unlimited) };
    if (fresh !== undefined) samples.cold.push(await time(checked, fresh));
    if (round < 0) continue;
    samples.open.push(pair.open);
    samples.cached.push(pair.cached);
  }
  const together = { open: [] as number[], cached: [] as number[] };
  // In turns, so that whatever else the machine does weighs on both alike.
  for (let turn = 0; turn < TURNS; turn++) {
    const each = rounds / TURNS;
    await callers(each, async () => void together.open.push(await time(open, keys.unlimited)));
    await callers(each, async () => void together.cached.push(await time(checked, keys.unlimited)));
  }

  const chats = { unlimited: [] as number[], limited: [] as number[] };
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const name of ["unlimited", "limited"] as const) {
      const ms = await timeChat(origin, keys[name]);
      if (round >= 0) chats[name].push(ms);
    }
  }
  const rates = await measureRates(rounds, {
    open: () => time(open, keys.unlimited),
    checked: () => time(checked, keys.unlimited),
    unlimited: () => timeChat(origin, keys.unlimited),
    limited: () => timeChat(origin, keys.limited),
  });
  return { samples, together, chats, rates };
}

/** Requests/s of CALLERS callers that ask again as soon as they are answered: the median of the turns. */
async function measureRates<Kind extends string>(
  count: number,
  asks: Record<Kind, () => Promise<unknown>>,
): Promise<Record<Kind, number>> {
  const kinds = Object.keys(asks) as Kind[]; // Object.keys loses the key type
  const turns = Object.fromEntries(kinds.map((kind) => [kind, [] as number[]])) as Record<Kind, number[]>; // as above
  for (let turn = 0; turn < TURNS; turn++) {
    for (const kind of kinds) {
      const start = performance.now();
      const asked = await callers(count / TURNS, asks[kind]);
      turns[kind].push(asked / ((performance.now() - start) / 1000));
    }
  }
  const medians = kinds.map((kind) => [kind, quantile(turns[kind], 0.5)]);
  return Object.fromEntries(medians) as Record<Kind, number>; // as above
}

async function time(url: string, key: string): Promise<number> {
  const start = performance.now();
  const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  await response.text();
  if (response.status !== 404) throw new Error(`${url} answered ${response.status}.`);
  return performance.now() - start;
}

async function timeChat(origin: string, key: string): Promise<number> {
  const start = performance.now();
  const response = await fetch(`${origin}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "words", max_tokens: 1, messages: [{ role: "user", content: "1" }] }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`chat answered ${response.status}: ${text}`);
  return performance.now() - start;
}

async function callers(count: number, ask: () => Promise<unknown>): Promise<number> {
  const each = Math.ceil(count / CALLERS);
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (let i = 0; i < each; i++) await ask();
    }),
  );
  return each * CALLERS;
}

function report({ samples, together, chats, rates }: Awaited<ReturnType<typeof measure>>): BenchResult {
  const [open, cached, cold] = [samples.open, samples.cached, samples.cold].map((list) => quantile(list, 0.5));
  const figures = {
    "open.median_ms": open ?? Number.NaN,
    "key.cached.median_ms": cached ?? Number.NaN,
    "key.cold.median_ms": cold ?? Number.NaN,
    "open.callers8.median_ms": quantile(together.open, 0.5),
    "key.cached.callers8.median_ms": quantile(together.cached, 0.5),
    "key.cached.callers8.p99_ms": quantile(together.cached, 0.99),
    "chat.unlimited.median_ms": quantile(chats.unlimited, 0.5),
    "chat.limited.median_ms": quantile(chats.limited, 0.5),
    "chat.unlimited.p99_ms": quantile(chats.unlimited, 0.99),
    "chat.limited.p99_ms": quantile(chats.limited, 0.99),
    "open.requests_per_second": rates.open,
    "key.requests_per_second": rates.checked,
    "chat.unlimited.requests_per_second": rates.unlimited,
    "chat.limited.requests_per_second": rates.limited,
  };
  return {
    title: "Door: what keys and limits cost",
    columns: ["", "", "beside"],
    rows: [
      ["request without a check, median (ms)", figures["open.median_ms"], ""],
      ["key in the cache, median (ms)", figures["key.cached.median_ms"], added(cached, open)],
      ["key looked up in D1, median (ms)", figures["key.cold.median_ms"], added(cold, open)],
      [`request without a check, ${CALLERS} callers, median (ms)`, figures["open.callers8.median_ms"], ""],
      [
        `key in the cache, ${CALLERS} callers, median (ms)`,
        figures["key.cached.callers8.median_ms"],
        `${added(figures["key.cached.callers8.median_ms"], figures["open.callers8.median_ms"])}; design: ${DESIGN_CACHED_MS}`,
      ],
      [`key in the cache, ${CALLERS} callers, p99 (ms)`, figures["key.cached.callers8.p99_ms"], ""],
      ["chat of one word, no limits, median (ms)", figures["chat.unlimited.median_ms"], ""],
      [
        "chat of one word, three limits, median (ms)",
        figures["chat.limited.median_ms"],
        added(figures["chat.limited.median_ms"], figures["chat.unlimited.median_ms"]),
      ],
      [
        "chat of one word, three limits, p99 (ms)",
        figures["chat.limited.p99_ms"],
        added(figures["chat.limited.p99_ms"], figures["chat.unlimited.p99_ms"]),
      ],
      [`requests/s without a check, ${CALLERS} callers`, rates.open, ""],
      [`checked requests/s, ${CALLERS} callers`, rates.checked, `x ${(rates.checked / rates.open).toFixed(2)}`],
      [`chats/s, no limits, ${CALLERS} callers`, rates.unlimited, ""],
      [`chats/s, three limits, ${CALLERS} callers`, rates.limited, `x ${(rates.limited / rates.unlimited).toFixed(2)}`],
    ],
    figures,
    notes: [
      `${samples.cached.length} requests of a kind, interleaved, after ${WARM_UP} to warm up; ${samples.cold.length} keys looked up for the first time. ${CALLERS} callers: ${TURNS} turns of each kind.`,
      `What ${CALLERS} callers wait is mostly for each other: one core answers them one by one. The check is what it is above the same request without one.`,
      "A Worker and a Home object each run on one core; client and agent share the machine's cores with them.",
    ],
  };
}

function added(ms: number | undefined, base: number | undefined): string {
  const more = (ms ?? Number.NaN) - (base ?? Number.NaN);
  return `${more < 0 ? "" : "+"}${more.toFixed(2)} ms`;
}

async function makeKey(origin: string, ownerKey: string, limits: object): Promise<string> {
  const response = await fetch(`${origin}/api/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${ownerKey}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "bench", limits }),
  });
  return z.object({ apiKey: z.string() }).parse(await response.json()).apiKey;
}

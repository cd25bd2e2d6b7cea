import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { createApiKey, shownPrefix } from "../../edge/credentials/api-key.ts";
import { hashSecret } from "../../edge/credentials/secret.ts";
import { ensureOwner } from "../../node-agent/commands/owner.ts";
import { dataFolder, writePrivateFile } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { MarketFollower } from "../../node-agent/market/follower.ts";
import { askMarket, marketTrustSchema, ownVersionSchema } from "../../node-agent/market/market-api.ts";
import {
  ensureNamespace,
  ensurePublisher,
  handIn,
  registerKey,
  untilChecked,
} from "../../node-agent/market/publish.ts";
import { type Catalogue, catalogueSchema } from "../../shared/market/catalogue.ts";
import { rootOf } from "../../shared/market/tuf/root.ts";
import { newSecretKey, readSigner, signMetadata } from "../../shared/market/tuf/signer.ts";
import { searchText } from "../../shared/sessions/search-text.ts";
import { D1 } from "../support/edge-state.ts";
import { makePackage, newPublisherKeys } from "../support/market.ts";
import { freePort } from "../support/stack.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { quantile } from "./statistics.ts";

const SETUP_TOKEN = "bench";
const PLUGINS = 10_000;
const DAY_MS = 24 * 3600_000;
const WORDS =
  "weather chess rain sun map train recipe garden music film news stock tax law history physics atom star moon tide";
const CHARACTERS =
  "天气 象棋 下雨 太阳 地图 火车 菜谱 花园 音乐 电影 新闻 股票 税务 法律 历史 物理 原子 星星 月亮 潮汐";

/** What is asked of the catalogue, as a page or a program asks it. */
const ASKED: Record<string, string> = {
  first_page: "/api/market/plugins",
  last_page: "/api/market/plugins?page=400",
  by_name: "/api/market/plugins?sort=name&kind=data",
  search_common: "/api/market/plugins?query=weather",
  search_two_words: "/api/market/plugins?query=rain%20sun",
  search_chinese: `/api/market/plugins?query=${encodeURIComponent("天气")}`,
  search_everything: "/api/market/plugins?query=shows",
  catalogue_page: "/market",
  search_page: "/market?query=weather",
};

/** The market of a real edge in workerd with 10,000 plugins: reading it, publishing into it, installing from it. */
export const market: Bench = {
  name: "market",
  summary:
    "the market with 10,000 plugins: a catalogue page, search, from hand-in to catalogue, fetching with all checks",
  run: async ({ quick }) => {
    await buildEdgeIfNeeded();
    const root = await mkdtemp(join(tmpdir(), "porchlight-market-"));
    const folder = dataFolder(root);
    const port = await freePort();
    const start = () => startEmbeddedEdge({ stateDir: folder.edge, port, setupToken: SETUP_TOKEN });
    const secrets = { targets: await newSecretKey(), snapshot: await newSecretKey(), timestamp: await newSecretKey() };
    await writePrivateFile(folder.marketKeys, JSON.stringify(secrets));
    let edge: Awaited<ReturnType<typeof start>> | undefined = await start();
    try {
      const { apiKey } = await ensureOwner(edge.origin, SETUP_TOKEN, folder.owner);
      await edge.stop();
      edge = undefined;
      const publisherKey = createApiKey();
      await fill(await databaseIn(dirname(join(folder.edge, D1))), quick ? PLUGINS / 10 : PLUGINS, publisherKey);
      edge = await start();
      const { origin } = edge;
      await open({ origin, apiKey });
      const read = await measureReading(origin, quick ? 11 : 51);
      const published = await measurePublishing(
        { origin, apiKey: publisherKey },
        apiKey,
        quick ? 3 : 15,
        join(root, "trust.json"),
      );
      return report(quick ? PLUGINS / 10 : PLUGINS, read, published);
    } finally {
      await edge?.stop();
      await rm(root, { recursive: true, force: true });
    }
  },
};

/** The file that Miniflare keeps the edge's database in: its name is a hash. */
async function databaseIn(folder: string): Promise<string> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".sqlite")) continue;
    const db = new DatabaseSync(join(folder, name));
    const isIt = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'market_plugins'").get() !== undefined;
    db.close();
    if (isIt) return join(folder, name);
  }
  throw new Error("The edge has no database.");
}

/** Writes plugins straight into the database: publishing them all would take an hour, and reading them is what is measured. */
async function fill(file: string, count: number, publisherKey: string): Promise<void> {
  const db = new DatabaseSync(file);
  const [words, characters] = [WORDS.split(" "), CHARACTERS.split(" ")];
  const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T; // none is empty
  db.exec("BEGIN");
  const account = db.prepare("SELECT id FROM accounts").get() as { id: string }; // the owner's
  db.prepare("INSERT INTO users (id, account_id, name, role, created_at) VALUES ('ada', ?, 'Ada', 'member', 1)").run(
    account.id,
  );
  db.prepare(
    `INSERT INTO api_keys (id, account_id, hash, prefix, name, scope, created_at, user_id)
     VALUES ('key', ?, ?, ?, 'bench', 'admin', 1, 'ada')`,
  ).run(account.id, await hashSecret(publisherKey), shownPrefix(publisherKey));
  db.exec("INSERT INTO market_publishers (id, name, created_at) VALUES ('many', 'Many', 1)");
  db.exec("INSERT INTO market_namespaces (namespace, publisher_id, claimed_at) VALUES ('many', 'many', 1)");
  const plugin = db.prepare(
    `INSERT INTO market_plugins (seq, namespace, name, kind, title_en, title_zh, description_en, description_zh,
       latest_id, latest_version, listed, installs, created_at, updated_at)
     VALUES (?, 'many', ?, ?, ?, ?, ?, ?, 'none', '1.0.0', 1, ?, ?, ?)`,
  );
  const index = db.prepare("INSERT INTO market_search (rowid, text) VALUES (?, ?)");
  for (let seq = 1; seq <= count; seq++) {
    const [a, b] = [(seq * 7919) % 9973, (seq * 104_729) % 9967];
    const [en, zh] = [`${at(words, a)} ${at(words, b)} ${seq}`, at(characters, a) + at(characters, b)];
    const description = `Shows ${at(words, a + 3)} and ${at(words, b + 5)} to everybody at home who asks for it`;
    const kind = at(["data", "knowledge", "multimodal", "integration", "tool"], seq);
    plugin.run(seq, `plugin-${seq}`, kind, en, zh, description, zh, seq % 997, seq, seq);
    index.run(seq, searchText([`many/plugin-${seq}`, en, zh, description, zh].join("\n")));
  }
  db.exec("COMMIT");
  db.close();
}

/** Makes the edge a market. */
async function open(access: { origin: string; apiKey: string }): Promise<void> {
  const asked = { schema: marketTrustSchema, what: "open the market" };
  const { keys } = await askMarket(access, "/api/market/trust", asked);
  const root = await readSigner(await newSecretKey());
  if (keys === null || root === undefined) throw new Error("The edge has no keys.");
  const online = ({ keyId, publicKey }: { keyId: string; publicKey: string }) => ({
    keyid: keyId,
    key: { keytype: "ed25519", scheme: "ed25519", keyval: { public: publicKey } } as const,
  });
  const { targets, snapshot, timestamp } = keys;
  const roles = { root: [root], targets: online(targets), snapshot: online(snapshot), timestamp: online(timestamp) };
  const body = { root: await signMetadata(rootOf(roles, 1, Date.now() + DAY_MS), [root]) };
  await askMarket(access, "/api/market/trust", { ...asked, method: "PUT", body });
}

async function measureReading(origin: string, rounds: number): Promise<Map<string, number[]>> {
  const measured = new Map<string, number[]>();
  for (const [name, path] of Object.entries(ASKED)) {
    const samples: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      const response = await fetch(origin + path);
      const text = await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 200)}`);
      samples.push(performance.now() - began);
    }
    measured.set(name, samples);
  }
  return measured;
}

interface Published {
  /** From the upload to the end of the checks; from the approval to the catalogue; fetching it with all signatures; asking what was taken back. */
  checked: number[];
  listed: number[];
  fetched: number[];
  polled: number[];
}

async function measurePublishing(
  access: { origin: string; apiKey: string },
  reviewerKey: string,
  rounds: number,
  trustFile: string,
): Promise<Published> {
  const keys = await newPublisherKeys();
  await ensureNamespace(access, await ensurePublisher(access, "Ada"), "ada");
  await registerKey(access, { publicKey: keys.raw, privateKey: keys.privateKey, name: "bench" });
  const measured: Published = { checked: [], listed: [], fetched: [], polled: [] };
  const data = new Uint8Array(1024 * 1024).map((_, at) => (at * 31) % 251);
  const follower = await MarketFollower.start({ origin: access.origin, file: trustFile, log: () => undefined });
  const desk = { origin: access.origin, apiKey: reviewerKey };
  for (let round = 0; round < rounds; round++) {
    const wanted = { name: `@ada/bench-${round}`, files: { "data.bin": data } };
    const { bytes, hash } = await makePackage(wanted, keys);
    const began = performance.now();
    const { id } = await untilChecked(access, (await handIn(access, bytes, false)).id, () => undefined, 10);
    measured.checked.push(performance.now() - began);
    const asked = { method: "POST", schema: ownVersionSchema, what: "review" } as const;
    await askMarket(desk, `/api/market/desk/${id}/claim`, { ...asked, body: {} });
    const approved = performance.now();
    await askMarket(desk, `/api/market/desk/${id}/decision`, { ...asked, body: { decision: "approve" } });
    while ((await find(access.origin, `bench-${round}`)).total === 0) await sleep(5);
    measured.listed.push(performance.now() - approved);
    const fetching = performance.now();
    const got = await follower.fetch({ publisher: "ada", name: `bench-${round}`, version: "1.0.0" });
    measured.fetched.push(performance.now() - fetching);
    if (got.hash !== hash) throw new Error("Another package arrived.");
    const polling = performance.now();
    await follower.poll();
    measured.polled.push(performance.now() - polling);
  }
  await follower.stop();
  return measured;
}

async function find(origin: string, name: string): Promise<Catalogue> {
  const response = await fetch(`${origin}/api/market/plugins?query=${name.replace("-", "%20")}`);
  return catalogueSchema.parse(await response.json());
}

function report(count: number, read: ReadonlyMap<string, number[]>, published: Published): BenchResult {
  const timed: [string, number[]][] = [
    ...read,
    ["handed_in_to_checked_1mib", published.checked],
    ["approved_to_listed", published.listed],
    ["fetched_and_verified_1mib", published.fetched],
    ["revocations_polled", published.polled],
  ];
  const round = (ms: number): number => Math.round(ms * 10) / 10;
  return {
    title: `The market with ${count.toLocaleString("en")} plugins`,
    columns: ["what", "median ms", "95th percentile ms"],
    rows: timed.map(([name, samples]) => [
      name.replaceAll("_", " "),
      round(quantile(samples, 0.5)),
      round(quantile(samples, 0.95)),
    ]),
    figures: Object.fromEntries(
      timed.flatMap(([name, samples]) => [
        [`market.${name}.p50_ms`, quantile(samples, 0.5)],
        [`market.${name}.p95_ms`, quantile(samples, 0.95)],
      ]),
    ),
    notes: [
      "Over HTTP on loopback, one request at a time, by the real Worker in workerd; its D1 is SQLite on this disk.",
    ],
  };
}

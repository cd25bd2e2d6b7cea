import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, it } from "vitest";
import { marketOf } from "../../../edge/market/market.ts";
import { requireNotRevoked } from "../../../edge/market/revoked.ts";
import { currentMetadata, replaceMetadata } from "../../../edge/market/store/metadata.ts";
import { type OnlineKeys, onlineKeys } from "../../../edge/market/trust/keys.ts";
import { obtainPlugin, pollMarket } from "../../../edge/market/trust/poll.ts";
import { signCatalogue } from "../../../edge/market/trust/sign-catalogue.ts";
import type { ShownVersion } from "../../../edge/routes/market-schema.ts";
import { database } from "../../../edge/store/database.ts";
import { takeMade } from "../../../edge/home/made.ts";
import { openMarketClient } from "../../../shared/market/follow.ts";
import { rootOf } from "../../../shared/market/tuf/root.ts";
import { newSecretKey, readSigner, signMetadata, type Signer } from "../../../shared/market/tuf/signer.ts";
import { readPackage } from "../../../shared/plugin/package.ts";
import { memoryTrust } from "../../support/market-trust.ts";
import { type Owner, request, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { openMarket, publish, publisher, type PublisherOf, reviewer, runMarket } from "./support.ts";

const MARKET = "https://market.test";
const { fetch } = globalThis;

let owner: Owner;
let ada: PublisherOf;
let rita: Awaited<ReturnType<typeof reviewer>>;
let weather: ShownVersion;
let root: Signer;
beforeAll(async () => {
  owner = await setUp();
  root = await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
  rita = await reviewer(owner);
  weather = await publish(ada, rita, { name: "@ada/weather" });
});
afterEach(() => {
  globalThis.fetch = fetch;
});

/** Has this Worker's fetches of the market answered by this Worker. */
function marketHere(bend: (path: string, response: Response) => Response = (_, response) => response): void {
  globalThis.fetch = async (input) => {
    const { pathname, search, origin } = new URL(input instanceof Request ? input.url : input);
    expect(origin).toBe(MARKET);
    return bend(pathname, await request(pathname + search));
  };
}

const WANTED = { publisher: "ada", name: "weather", version: "1.0.0" };

it("an edge has the package of its own market, and of no other version", async () => {
  expect(takeMade(await marketOf(env).obtain(WANTED))).toBe(weather.hash);
  for (const wanted of [
    { ...WANTED, version: "1.0.1" },
    { ...WANTED, publisher: "eve" },
  ])
    expect(await marketOf(env).obtain(wanted)).toMatchObject({ error: { code: "not_found" } });
});

it("an edge takes packages of another market when its signatures say so", async () => {
  marketHere();
  expect(await env.PACKAGES.head(`submissions/${weather.id}`)).toBeNull();
  const obtain = async (wanted = WANTED) =>
    await runInDurableObject(
      env.MARKET.getByName("follower"),
      async (_, { storage }) =>
        await obtainPlugin(database(env.DB), env.PACKAGES, storage, MARKET, wanted).catch((error: unknown) => error),
    );
  expect(await obtain()).toBe(weather.hash);
  const kept = await env.PACKAGES.get(`packages/${weather.hash}`);
  expect((await readPackage(new Uint8Array((await kept?.arrayBuffer()) ?? []))).manifest.name).toBe("@ada/weather");
  marketHere((path, response) => (path.endsWith(".tar") ? new Response("another package") : response));
  expect(await obtain()).toMatchObject({ code: "market_arbitrary_package" });
});

it("an edge runs nothing that the market it follows took back", async () => {
  const db = database(env.DB);
  const other = await publish(ada, rita, { name: "@ada/other" });
  const follower = env.MARKET.getByName("follower");
  const poll = async (): Promise<unknown> =>
    await runInDurableObject(
      follower,
      async (_, { storage }) => await pollMarket(db, storage, MARKET).catch((error: unknown) => error),
    );
  marketHere();
  expect(await poll()).toBeUndefined();
  await expect(requireNotRevoked(db, other.hash)).resolves.toBeUndefined();
  await send(rita.apiKey, "POST", `/api/market/desk/${other.id}/revoke`, { reason: "vulnerable", words: "A hole." });
  await runMarket();
  // This edge is market and follower in one: what is looked at is what comes over the wire.
  await env.DB.prepare("DELETE FROM market_revocations").run();
  expect(await poll()).toBeUndefined();
  await expect(requireNotRevoked(db, other.hash)).rejects.toMatchObject({
    code: "plugin_revoked",
    message: "The market took back @ada/other 1.0.0: A hole.",
  });
  await expect(requireNotRevoked(db, weather.hash)).resolves.toBeUndefined();
  // Neither silence nor an older word gives anything back.
  globalThis.fetch = async () => await Promise.reject(new Error("no network"));
  expect(await poll()).toMatchObject({ code: "market_unreadable" });
  marketHere((path, response) => (path.endsWith("timestamp.json") ? new Response("{}") : response));
  expect(await poll()).toMatchObject({ code: "market_unreadable" });
  await expect(requireNotRevoked(db, other.hash)).rejects.toMatchObject({ code: "plugin_revoked" });
});

/** A client whose clock says something else. */
async function followAt(nowMs: number, kept = new Map<string, string>()) {
  const bytesOf = async (path: string) => {
    const response = await request(path);
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
  };
  return await openMarketClient({
    fetchMetadata: async (file) => await bytesOf(`/api/market/tuf/${file}`),
    fetchTarget: async (path) => await bytesOf(`/api/market/targets/${path}`),
    store: memoryTrust(kept),
    now: () => nowMs,
  });
}

async function sign(keys: OnlineKeys, nowMs: number): Promise<void> {
  const options = { db: database(env.DB), packages: env.PACKAGES, keys, nowMs };
  for (let passes = 0; await signCatalogue(options); passes++) if (passes > 20) throw new Error("It never ends.");
}

async function versionsNow(): Promise<Record<string, number>> {
  const heads = await currentMetadata(database(env.DB));
  return Object.fromEntries(heads.map(({ role, version }) => [role, version]));
}

const HOUR = 3600_000;
const PATH = "ada/weather/1.0.0.tar";

it("a market signs anew before anything ends, and nothing else", async () => {
  const keys = await onlineKeys(env);
  if (keys === undefined) throw new Error("no keys");
  const [before, now] = [await versionsNow(), Date.now()];
  await sign(keys, now + HOUR);
  expect(await versionsNow()).toEqual(before);
  await sign(keys, now + 7 * HOUR);
  expect(await versionsNow()).toEqual({ ...before, timestamp: (before["timestamp"] ?? 0) + 1 });
  // Nobody looked after it for a third of a year: all of it is signed anew, and every client can go on.
  const late = now + 125 * 24 * HOUR;
  await expect(followAt(late)).rejects.toMatchObject({ code: "market_freeze" });
  await sign(keys, late);
  const after = await versionsNow();
  const renewed = Object.keys(before).filter((role) => role !== "root" && role !== "revocations");
  for (const role of renewed) expect(after[role], role).toBeGreaterThan(before[role] ?? 0);
  expect((await (await followAt(late)).download(PATH)).length).toBe(weather.bytes);
});

it("a market may change all of its online keys under a new root", async () => {
  const [kept, nowMs] = [new Map<string, string>(), Date.now() + (125 * 24 + 1) * HOUR];
  await followAt(nowMs, kept);
  const [targets, snapshot, timestamp] = await Promise.all(
    [0, 1, 2].map(async () => (await readSigner(await newSecretKey())) ?? root),
  );
  const keys = { targets: targets ?? root, snapshot: snapshot ?? root, timestamp: timestamp ?? root };
  const body = await signMetadata(rootOf({ root: [root], ...keys }, 2, nowMs + 365 * 24 * HOUR), [root]);
  const row = { file: "2.root.json", role: "root", version: 2, body, sha256: "", bytes: 0, expiresAt: 0, keyId: "" };
  const db = database(env.DB);
  const [first, ...rest] = replaceMetadata(db, [row], nowMs);
  if (first !== undefined) await db.batch([first, ...rest]);
  await expect(followAt(nowMs, kept)).rejects.toMatchObject({ code: "market_wrong_signature" });
  await sign(keys, nowMs);
  const client = await followAt(nowMs, kept);
  expect(client.rootVersion).toBe(2);
  expect((await client.download(PATH)).length).toBe(weather.bytes);
  expect((await (await followAt(nowMs)).download(PATH)).length).toBe(weather.bytes);
});

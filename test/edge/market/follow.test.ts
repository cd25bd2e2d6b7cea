import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, it } from "vitest";
import { marketOf } from "../../../edge/market/market.ts";
import { requireNotRevoked } from "../../../edge/market/revoked.ts";
import { obtainPlugin, pollMarket } from "../../../edge/market/trust/poll.ts";
import type { ShownVersion } from "../../../edge/routes/market-schema.ts";
import { database } from "../../../edge/store/database.ts";
import { takeMade } from "../../../edge/home/made.ts";
import { readPackage } from "../../../shared/plugin/package.ts";
import { type Owner, request, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { openMarket, publish, publisher, type PublisherOf, reviewer, runMarket } from "./support.ts";

const MARKET = "https://market.test";
const { fetch } = globalThis;

let owner: Owner;
let ada: PublisherOf;
let rita: Awaited<ReturnType<typeof reviewer>>;
let weather: ShownVersion;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
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
        await obtainPlugin(env.PACKAGES, storage, MARKET, wanted).catch((error: unknown) => error),
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

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, it, vi } from "vitest";
import { collectPackages, holdPackage, touchPackage, UNHELD_MS } from "../../../edge/market/store/package-holds.ts";
import { packageName } from "../../../edge/market/packages.ts";
import { database } from "../../../edge/store/database.ts";
import { openMarket, publisher, type PublisherOf } from "../market/support.ts";
import { call, inspect, type Inspected, install, packed } from "../plugins/support.ts";
import { errorOf, type Owner, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { installFromMarket, look, release } from "./support.ts";

const db = database(env.DB);
let owner: Owner;
let ada: PublisherOf;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
});

const isThere = async (hash: string): Promise<boolean> => (await env.PACKAGES.head(packageName(hash))) !== null;
const later = async (): Promise<number> => await collectPackages(db, env.PACKAGES, Date.now() + UNHELD_MS + 1000);
const sent = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  (await (await inspect(owner.apiKey, bytes)).json<Inspected>()).hash;
const holders = async (hash: string): Promise<number> =>
  (await env.DB.prepare("SELECT 1 FROM plugin_package_holds WHERE hash = ?").bind(hash).all()).results.length;

it("forgets what was looked at and never installed, in time, and takes it again", async () => {
  const bytes = await packed({ a: "return 1" }, { name: "@test/looked" });
  const hash = await sent(bytes);
  await collectPackages(db, env.PACKAGES, Date.now() + UNHELD_MS - 60_000);
  expect(await isThere(hash)).toBe(true);
  await later();
  expect(await isThere(hash)).toBe(false);
  const refused = await send(owner.apiKey, "POST", "/api/plugins", { hash, permissions: {} });
  expect(await errorOf(refused)).toMatchObject({ code: "not_found" });
  await install(owner.apiKey, bytes);
  await later();
  expect(await call(owner.apiKey, "a", {}, "test/looked")).toMatchObject({ value: 1 });
});

it("keeps what is installed, kept and published, and forgets what was removed", async () => {
  const first = await install(owner.apiKey, await packed({ a: "return 1" }, { name: "@test/held" }));
  const second = await install(owner.apiKey, await packed({ a: "return 2" }, { name: "@test/held", version: "2.0.0" }));
  const published = await release(ada, { name: "@ada/held", version: "1.0.0" });
  await installFromMarket(owner.apiKey, published.hash);
  const next = await release(ada, { name: "@ada/held", version: "1.0.1" });
  await look(owner.apiKey, "@ada/held");
  await later();
  for (const { hash } of [first, second, published, next]) expect(await isThere(hash)).toBe(true);
  expect(
    await (await send(owner.apiKey, "POST", "/api/plugins/test/held/rollback", { hash: first.hash })).json(),
  ).toMatchObject({ version: "1.0.0" });
  for (const name of ["test/held", "ada/held"]) await send(owner.apiKey, "DELETE", `/api/plugins/${name}`);
  await vi.waitFor(async () => expect(await holders(second.hash)).toBe(0), { timeout: 20_000, interval: 50 });
  await later();
  expect(await isThere(first.hash)).toBe(false);
  expect(await isThere(second.hash)).toBe(false);
  // The market goes on offering these.
  expect(await isThere(published.hash)).toBe(true);
  expect(await isThere(next.hash)).toBe(true);
});

it("never takes what somebody takes hold of meanwhile, and goes on after a crash", async () => {
  const hash = await sent(await packed({ a: "return 3" }, { name: "@test/raced" }));
  const old = async (): Promise<void> =>
    void (await env.DB.prepare("UPDATE plugin_packages SET touched_at = 0 WHERE hash = ?").bind(hash).run());
  for (let round = 0; round < 20; round++) {
    await old();
    const [held] = await Promise.allSettled([
      holdPackage(db, hash, "another home", Date.now()),
      collectPackages(db, env.PACKAGES, Date.now()),
    ]);
    // Whoever has hold of it has it, or is told at once by looking.
    if (held.status === "fulfilled" && (await isThere(hash))) {
      expect(await collectPackages(db, env.PACKAGES, Date.now() + 10 * UNHELD_MS)).toBe(0);
      expect(await isThere(hash)).toBe(true);
    }
    await env.DB.prepare("DELETE FROM plugin_package_holds WHERE hash = ?").bind(hash).run();
    await touchPackage(db, hash, Date.now());
    await env.PACKAGES.put(packageName(hash), "bytes");
  }
  // It ended between marking and deleting: nobody gets hold of what is marked, and the next one deletes it.
  await env.DB.prepare("UPDATE plugin_packages SET collecting = 1 WHERE hash = ?").bind(hash).run();
  await expect(holdPackage(db, hash, "another home", Date.now())).rejects.toMatchObject({ code: "overloaded" });
  await expect(touchPackage(db, hash, Date.now())).rejects.toMatchObject({ code: "overloaded" });
  expect(await collectPackages(db, env.PACKAGES, Date.now())).toBe(1);
  expect(await isThere(hash)).toBe(false);
  await touchPackage(db, hash, Date.now());
});

it("has its homes write down anew what they hold, where that was lost", async () => {
  const { hash } = await install(owner.apiKey, await packed({ a: "return 4" }, { name: "@test/lost" }));
  await vi.waitFor(async () => expect(await holders(hash)).toBe(1), { timeout: 20_000, interval: 50 });
  await env.DB.prepare("DELETE FROM plugin_package_holds").run();
  await runInDurableObject(
    env.HOME.getByName(owner.accountId),
    (_, { storage }) => void storage.sql.exec("UPDATE plugin_updates SET next_at = 0"),
  );
  await runInDurableObject(env.HOME.getByName(owner.accountId), async (home) => await home.alarm());
  await vi.waitFor(async () => expect(await holders(hash)).toBe(1), { timeout: 20_000, interval: 50 });
});

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { marketOf } from "../../../edge/market/market.ts";
import { onlineKeys } from "../../../edge/market/trust/keys.ts";
import { newSecretKey, readSigner, signMetadata, type Signer } from "../../../shared/market/tuf/signer.ts";
import { openMarket, publisher, type PublisherOf } from "../market/support.ts";
import { call } from "../plugins/support.ts";
import { type Owner, request, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { installFromMarket, look, module, release, type Updates, updatesOf } from "./support.ts";

const MARKET = "https://market.test";
const { fetch } = globalThis;

let owner: Owner;
let ada: PublisherOf;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
});
afterEach(async () => {
  globalThis.fetch = fetch;
  await followed(undefined);
});

/** Has this edge follow another market, or be one itself again. */
async function followed(origin: string | undefined): Promise<void> {
  const own = origin === undefined ? env : { ...env, MARKET_ORIGIN: origin };
  await runInDurableObject(
    marketOf(env),
    (market) => void Object.defineProperty(market, "env", { value: own, configurable: true }),
  );
}

/** The market that this edge follows is this Worker; what it answers may be bent on the way. */
async function lookThrough(
  name: string,
  bend: (path: string, response: Response) => Response | Promise<Response> = (_, response) => response,
): Promise<Updates> {
  await followed(MARKET);
  globalThis.fetch = async (input) => {
    const { pathname, search, origin } = new URL(input instanceof Request ? input.url : input);
    expect(origin).toBe(MARKET);
    return await bend(pathname, await request(pathname + search));
  };
  try {
    return await look(owner.apiKey, name);
  } finally {
    globalThis.fetch = fetch;
    await followed(undefined);
  }
}

async function begin(name: string, code?: (version: string) => string): Promise<(version: string) => Promise<unknown>> {
  const next = async (version: string) =>
    await release(ada, { name, version, ...(code === undefined ? {} : { code: code(version) }) });
  const { hash } = await next("1.0.0");
  await installFromMarket(owner.apiKey, hash);
  return next;
}

async function resigned(response: Response, signer: Signer, change: object): Promise<Response> {
  const { signed } = await response.json<{ signed: { version: number } }>();
  return new Response(await signMetadata({ ...signed, version: signed.version + 100, ...change }, [signer]));
}

it("refuses what the market's signatures do not carry, by name, and installs nothing of it", async () => {
  const name = "@ada/followed";
  const next = await begin(name);
  const before = await (await request("/api/market/tuf/timestamp.json")).text();
  await next("1.0.1");
  expect(await lookThrough(name)).toMatchObject({ version: "1.0.1", origin: "market" });
  await next("1.0.2");
  const keys = await onlineKeys(env);
  const stranger = await readSigner(await newSecretKey());
  if (keys === undefined || stranger === undefined) throw new Error("no keys");
  const isTimestamp = (path: string): boolean => path.endsWith("/timestamp.json");
  const attacks: [string, (path: string, response: Response) => Response | Promise<Response>][] = [
    ["market_rollback", (path, response) => (isTimestamp(path) ? new Response(before) : response)],
    [
      "market_wrong_signature",
      async (path, response) => (isTimestamp(path) ? await resigned(response, stranger, {}) : response),
    ],
    ["market_mix_and_match", (path, response) => (path.endsWith(".snapshot.json") ? new Response("{}") : response)],
    ["market_arbitrary_package", (path, response) => (path.endsWith(".versions.json") ? new Response("{}") : response)],
    ["market_arbitrary_package", (path, response) => (path.endsWith(".tar") ? new Response("other") : response)],
    ["market_unreadable", (path, response) => (path.endsWith(".tar") ? new Response("", { status: 404 }) : response)],
    // Last: its version would count once it is believed.
    [
      "market_freeze",
      async (path, response) =>
        isTimestamp(path) ? await resigned(response, keys.timestamp, { expires: "2020-01-01T00:00:00Z" }) : response,
    ],
  ];
  for (const [code, bend] of attacks) {
    expect(await lookThrough(name, bend), code).toMatchObject({ version: "1.0.1", problem: { code } });
    expect(await call(owner.apiKey, "which", {}, name.slice(1))).toMatchObject({ value: "1.0.1" });
  }
  expect(await lookThrough(name)).toMatchObject({ version: "1.0.2", problem: null });
});

it("is the old one or the new one, whole, whenever it ends in the midst of an update", async () => {
  const name = "@ada/crash";
  const next = await begin(name);
  await look(owner.apiKey, name);
  await next("1.0.1");
  const home = env.HOME.getByName(owner.accountId);
  for (const ms of [0, 5, 15, 40, 80]) {
    const looking = send(owner.apiKey, "POST", "/api/plugins/updates", {}).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, ms));
    await runInDurableObject(home, (_, state) => state.abort("as the test has it")).catch(() => undefined);
    await looking;
    const { version, kept, log } = await updatesOf(owner.apiKey, name);
    const isNew = version === "1.0.1";
    expect([kept.map((one) => one.version), log.length]).toEqual(isNew ? [["1.0.0"], 1] : [[], 0]);
    expect(await call(owner.apiKey, "which", {}, name.slice(1))).toMatchObject({ value: version });
  }
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.0.1", kept: [{ version: "1.0.0" }] });
});

it("updates once where it is asked to twice, and not at all what is removed meanwhile", async () => {
  const name = "@ada/twice";
  const next = await begin(name);
  await look(owner.apiKey, name);
  await next("1.0.1");
  await Promise.all([look(owner.apiKey, name), look(owner.apiKey, name), look(owner.apiKey, name)]);
  const after = await updatesOf(owner.apiKey, name);
  expect(after).toMatchObject({
    version: "1.0.1",
    log: [{ from: "1.0.0" }],
    kept: [{ version: "1.0.0" }],
    problem: null,
  });
  expect(after.log).toHaveLength(1);
  await next("1.0.2");
  await Promise.all([
    send(owner.apiKey, "POST", "/api/plugins/updates", {}),
    send(owner.apiKey, "DELETE", `/api/plugins/${name.slice(1)}`),
  ]);
  expect((await send(owner.apiKey, "GET", `/api/plugins/${name.slice(1)}`)).status).toBe(404);
  const rows = await runInDurableObject(env.HOME.getByName(owner.accountId), (_, { storage }) =>
    ["plugin_updates", "plugin_kept", "plugin_update_log"].flatMap((table) =>
      storage.sql.exec(`SELECT * FROM ${table} WHERE name = ?`, name).toArray(),
    ),
  );
  expect(rows).toEqual([]);
});

it("ends calls on the version that they began with", async () => {
  const name = "@ada/slow";
  const draft = { permissions: { storageBytes: 1000 } };
  const code = (version: string): string =>
    module(
      version,
      `slow: { description: "d", input: { type: "object" }, async execute(context) {
         await context.storage.set("began", new Uint8Array([1]));
         while ((await context.storage.get("go")) === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
         return "${version}"; } },
       began: { description: "d", input: { type: "object" }, async execute(context) { return (await context.storage.get("began")) !== undefined; } },
       go: { description: "d", input: { type: "object" }, async execute(context) { await context.storage.set("go", new Uint8Array([1])); return 1; } }`,
    );
  const { hash } = await release(ada, { name, version: "1.0.0", draft, code: code("1.0.0") });
  await installFromMarket(owner.apiKey, hash);
  const slow = call(owner.apiKey, "slow", {}, name.slice(1));
  await vi.waitFor(
    async () => expect(await call(owner.apiKey, "began", {}, name.slice(1))).toMatchObject({ value: true }),
    { timeout: 20_000, interval: 50 },
  );
  await release(ada, { name, version: "1.1.0", draft, code: code("1.1.0") });
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.1.0" });
  expect(await call(owner.apiKey, "which", {}, name.slice(1))).toMatchObject({ value: "1.1.0" });
  await call(owner.apiKey, "go", {}, name.slice(1));
  expect(await slow).toMatchObject({ ok: true, value: "1.0.0" });
});

it("looks by itself when it is time", async () => {
  const name = "@ada/timed";
  const next = await begin(name);
  await look(owner.apiKey, name);
  await next("1.0.1");
  const home = env.HOME.getByName(owner.accountId);
  await runInDurableObject(home, (_, { storage }) => void storage.sql.exec("UPDATE plugin_updates SET next_at = 0"));
  expect(await runDurableObjectAlarm(home)).toBe(true);
  await vi.waitFor(async () => expect(await updatesOf(owner.apiKey, name)).toMatchObject({ version: "1.0.1" }), {
    timeout: 20_000,
    interval: 100,
  });
});

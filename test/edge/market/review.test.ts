import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { ShownVersion } from "../../../edge/routes/market-schema.ts";
import { readPackage } from "../../../shared/plugin/package.ts";
import { makePackage } from "../../support/market.ts";
import { errorOf, type Owner, request, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import {
  decide,
  follow,
  handIn,
  openMarket,
  publish,
  publisher,
  type PublisherOf,
  reviewer,
  runMarket,
  upload,
  versionOf,
} from "./support.ts";

let owner: Owner;
let ada: PublisherOf;
let rita: Awaited<ReturnType<typeof reviewer>>;
let rob: Awaited<ReturnType<typeof reviewer>>;
beforeAll(async () => {
  owner = await setUp();
  ada = await publisher(owner.accountId, "ada");
  [rita, rob] = [await reviewer(owner), await reviewer(owner)];
});

async function refused(response: Response): Promise<[number, string]> {
  return [response.status, (await errorOf(response)).code];
}

it("publishes nothing before the market has its keys", async () => {
  const { id } = await handIn(ada, { name: "@ada/early" });
  expect(await refused(await decide(rita.apiKey, id, "approve"))).toEqual([409, "market_not_ready"]);
  expect((await request("/api/market/tuf/timestamp.json")).status).toBe(404);
  await openMarket(owner.apiKey);
  expect((await decide(rita.apiKey, id, "approve")).status).toBe(200);
  await runMarket();
});

describe("a review", () => {
  it("publishes a version: package, metadata and catalogue", async () => {
    const made = await handIn(ada, { name: "@ada/weather", files: { "README.md": "# Weather\n" } });
    expect((await request(`/api/market/packages/${made.hash}`)).status).toBe(404);
    const approved = await decide(rita.apiKey, made.id, "approve", "");
    expect(await approved.json()).toMatchObject({ state: "published" });
    await runMarket();
    const fetched = new Uint8Array(await (await request(`/api/market/packages/${made.hash}`)).arrayBuffer());
    expect((await readPackage(fetched)).hash).toBe(made.hash);
    const { client } = await follow();
    expect(await client.target("ada/weather/1.0.0.tar")).toMatchObject({
      length: fetched.length,
      hashes: { sha256: made.sha256 },
      custom: { package: made.hash, name: "@ada/weather", version: "1.0.0", publisher: ada.id },
    });
    expect(await client.download("ada/weather/1.0.0.tar")).toEqual(fetched);
    expect(await client.target("ada/weather/9.9.9.tar")).toBeUndefined();
  });

  it("is nobody's own, and no stranger's", async () => {
    const { id } = await handIn(ada, { name: "@ada/own" });
    expect(await refused(await decide(ada.apiKey, id, "approve"))).toEqual([403, "market_role_needed"]);
    const made = await send(owner.apiKey, "PUT", `/api/market/roles/${ada.userId}`, { role: "administrator" });
    expect(made.status).toBe(200);
    expect(await refused(await decide(ada.apiKey, id, "approve"))).toEqual([403, "forbidden"]);
    await send(owner.apiKey, "PUT", `/api/market/roles/${ada.userId}`, { role: null });
    expect(await refused(await decide(ada.apiKey, id, "approve"))).toEqual([403, "market_role_needed"]);
  });

  it("happens on one desk at a time, and rejects with words", async () => {
    const { id } = await handIn(ada, { name: "@ada/desk" });
    expect((await send(rita.apiKey, "POST", `/api/market/desk/${id}/claim`)).status).toBe(200);
    expect(await refused(await send(rob.apiKey, "POST", `/api/market/desk/${id}/claim`))).toEqual([
      409,
      "version_state",
    ]);
    const decision = { decision: "reject", words: "Too loud." };
    expect(await refused(await send(rob.apiKey, "POST", `/api/market/desk/${id}/decision`, decision))).toEqual([
      409,
      "version_state",
    ]);
    const silent = await send(rita.apiKey, "POST", `/api/market/desk/${id}/decision`, {
      decision: "reject",
      words: " ",
    });
    expect(await errorOf(silent)).toMatchObject({ code: "invalid_request", param: "words" });
    const rejected = await send(rita.apiKey, "POST", `/api/market/desk/${id}/decision`, decision);
    expect(await rejected.json()).toMatchObject({ state: "rejected", words: "Too loud." });
    expect(await versionOf(ada.apiKey, id)).toMatchObject({ state: "rejected", words: "Too loud." });
    // For ever.
    expect(await refused(await decide(rob.apiKey, id, "approve"))).toEqual([409, "version_state"]);
  });

  it("lets another take over a desk that was left", async () => {
    const { id } = await handIn(ada, { name: "@ada/left" });
    await send(rita.apiKey, "POST", `/api/market/desk/${id}/claim`);
    await env.DB.prepare("UPDATE market_versions SET claimed_until = 1 WHERE id = ?").bind(id).run();
    const late = await send(rita.apiKey, "POST", `/api/market/desk/${id}/decision`, { decision: "approve" });
    expect(await refused(late)).toEqual([409, "version_state"]);
    expect((await decide(rob.apiKey, id, "approve")).status).toBe(200);
  });

  it("of an official plugin takes two different reviewers", async () => {
    expect(await refused(await officialHandIn("@ada/seal"))).toEqual([403, "forbidden"]);
    await send(owner.apiKey, "PUT", `/api/market/publishers/${ada.id}/official`, { official: true });
    const { id } = await (await officialHandIn("@ada/seal")).json<ShownVersion>();
    await runMarket();
    expect(await (await decide(rita.apiKey, id, "approve")).json()).toMatchObject({ state: "in_review" });
    expect(await refused(await decide(rita.apiKey, id, "approve"))).toEqual([409, "version_state"]);
    await env.DB.prepare("UPDATE market_versions SET claimed_until = 1 WHERE id = ?").bind(id).run();
    expect(await (await decide(rob.apiKey, id, "approve")).json()).toMatchObject({
      state: "published",
      official: true,
    });
    const detail = await (await send(rob.apiKey, "GET", `/api/market/desk/${id}`)).json<{ reviews: unknown[] }>();
    expect(detail.reviews).toHaveLength(2);
    await runMarket();
  });

  it("shows what changed since the last version, permissions first", async () => {
    const permissions = { net: ["api.example.com"], storageBytes: 1000 };
    await publish(ada, rita, {
      name: "@ada/diff",
      draft: { permissions: { ...ALL, ...permissions } },
      code: `${CODE}\n`,
    });
    const { id } = await handIn(ada, {
      name: "@ada/diff",
      version: "1.1.0",
      code: `${CODE}// more\n`,
      files: { "data.bin": new Uint8Array([0, 1]) },
      draft: { permissions: { ...ALL, net: ["api.example.com", "b.example.com"], model: true } },
    });
    const detail = await send(rita.apiKey, "GET", `/api/market/desk/${id}`);
    const { difference } = await detail.json<{ difference: Record<string, unknown> }>();
    expect(Object.keys(difference)).toEqual(["against", "permissions", "manifest", "files"]);
    expect(difference).toMatchObject({
      against: "1.0.0",
      permissions: [
        { permission: "net", added: ["b.example.com"], removed: [] },
        { permission: "model", added: ["true"], removed: [] },
        { permission: "storageBytes", added: [], removed: ["1000"] },
      ],
      manifest: [],
      files: [
        { path: "data.bin", change: "added", bytes: 2 },
        { path: "main.js", change: "changed", patch: expect.stringContaining("+// more") },
      ],
    });
  });
});

describe("what was published", () => {
  it("is offered to nobody once it is yanked, and stays where it is installed", async () => {
    const first = await publish(ada, rita, { name: "@ada/yanked" });
    const second = await publish(ada, rita, { name: "@ada/yanked", version: "1.1.0" });
    expect(await latest("yanked")).toBe("1.1.0");
    const yanked = await send(ada.apiKey, "POST", `/api/market/versions/${second.id}/yank`, { words: "Wrong." });
    expect(await yanked.json()).toMatchObject({ state: "yanked", words: "Wrong." });
    await runMarket();
    expect(await latest("yanked")).toBe("1.0.0");
    const { client } = await follow();
    expect(await client.target("ada/yanked/1.1.0.tar")).toMatchObject({ custom: { yanked: true } });
    expect((await request(`/api/market/packages/${second.hash}`)).status).toBe(200);
    await send(ada.apiKey, "POST", `/api/market/versions/${second.id}/restore`);
    await runMarket();
    expect(await latest("yanked")).toBe("1.1.0");
    expect((await send(ada.apiKey, "POST", `/api/market/versions/${first.id}/restore`)).status).toBe(409);
  });

  it("is gone from everywhere once it is revoked, and its code is known from then on", async () => {
    const bad = await publish(ada, rita, { name: "@ada/bad", code: `${CODE}// evil\n` });
    const { client, kept } = await follow();
    const revocation = { reason: "malware", words: "It sends what it is asked elsewhere." };
    expect(await refused(await send(ada.apiKey, "POST", `/api/market/desk/${bad.id}/revoke`, revocation))).toEqual([
      403,
      "market_role_needed",
    ]);
    const revoked = await send(rob.apiKey, "POST", `/api/market/desk/${bad.id}/revoke`, revocation);
    expect(await revoked.json()).toMatchObject({ state: "revoked" });
    await runMarket();
    expect(await refused(await request(`/api/market/packages/${bad.hash}`))).toEqual([410, "plugin_revoked"]);
    expect(await latest("bad")).toBeNull();
    await client.refresh();
    expect(await client.target("ada/bad/1.0.0.tar")).toBeUndefined();
    const list = JSON.parse(new TextDecoder().decode(await client.download("revocations.json"))) as unknown;
    expect(list).toMatchObject({ revocations: [{ hash: bad.hash, name: "@ada/bad", ...revocation }] });
    expect(kept.has("timestamp")).toBe(true);
    const again = await handIn(ada, { name: "@ada/again", code: `${CODE}// evil\n` });
    expect(again).toMatchObject({ state: "quarantined", findings: [{ code: "known_bad", path: "main.js" }] });
  });
});

const CODE = `export default { tools: { greet: { description: "d", input: { type: "object" }, async execute() {} } } };
// https://api.example.com https://b.example.com
`;
const ALL = { net: [], model: false, storageBytes: 0, files: false, secrets: [], tools: [] };

async function latest(name: string): Promise<string | null> {
  const row = await env.DB.prepare(
    "SELECT latest_version AS v FROM market_plugins WHERE namespace = 'ada' AND name = ?",
  )
    .bind(name)
    .first<{ v: string | null }>();
  return row?.v ?? null;
}

async function officialHandIn(name: string): Promise<Response> {
  const { bytes } = await makePackage({ name }, ada.keys);
  const { id } = await (await upload(ada.apiKey, bytes)).json<ShownVersion>();
  return await send(ada.apiKey, "POST", `/api/market/versions/${id}/submit`, { official: true });
}

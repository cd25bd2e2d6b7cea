import { beforeAll, expect, it } from "vitest";
import { newPublisherKeys } from "../../support/market.ts";
import { openMarket, publisher, type PublisherOf, registerKey } from "../market/support.ts";
import { call, install, packed } from "../plugins/support.ts";
import { errorOf, type Owner, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { type Asked, installFromMarket, look, module, release, revoke, setState, updatesOf } from "./support.ts";

let owner: Owner;
let ada: PublisherOf;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
});

/** Publishes 1.0.0 of a plugin, and installs it. */
async function begin(name: string, draft: Asked = {}, permissions?: object) {
  const made = await release(ada, { name, version: "1.0.0", draft });
  return { ...(await installFromMarket(owner.apiKey, made.hash, permissions)), id: made.id };
}

const which = async (name: string): Promise<unknown> => (await call(owner.apiKey, "which", {}, name.slice(1))).value;
const post = async (name: string, what: string, body: object): Promise<Response> =>
  await send(owner.apiKey, "POST", `/api/plugins/${name.slice(1)}/${what}`, body);
const setMode = async (name: string, updates: string): Promise<void> => {
  const response = await send(owner.apiKey, "PATCH", `/api/plugins/${name.slice(1)}/updates`, { updates });
  expect(response.status).toBe(200);
};

it("updates by itself what asks for nothing more, keeps what was there, and goes back to it, pinned", async () => {
  const name = "@ada/plain";
  const first = await begin(
    name,
    { permissions: { net: ["a.example.com"], storageBytes: 1000 } },
    { storageBytes: 500 },
  );
  expect(await look(owner.apiKey, name)).toMatchObject({
    origin: "market",
    updates: "automatic",
    offer: null,
    kept: [],
  });
  await release(ada, { name, version: "1.1.0", draft: { permissions: { storageBytes: 1000 } } });
  const after = await look(owner.apiKey, name);
  expect(after).toMatchObject({
    version: "1.1.0",
    offer: null,
    problem: null,
    kept: [{ version: "1.0.0", hash: first.hash }],
    log: [{ from: "1.0.0", to: "1.1.0", how: "automatic" }],
  });
  expect(await which(name)).toBe("1.1.0");
  const shown = await (await send(owner.apiKey, "GET", "/api/plugins/ada/plain")).json();
  expect(shown).toMatchObject({ permissions: { net: [], storageBytes: 500 }, installedAt: first.installedAt });
  const back = await post(name, "rollback", { hash: first.hash });
  expect(await back.json()).toMatchObject({ version: "1.0.0", updates: "pinned", kept: [{ version: "1.1.0" }] });
  expect(await which(name)).toBe("1.0.0");
  // Pinned: the newer one is told of, and stays away.
  expect(await look(owner.apiKey, name)).toMatchObject({
    version: "1.0.0",
    offer: { version: "1.1.0", reasons: ["pinned"] },
  });
  await setMode(name, "automatic");
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.1.0", offer: null });
});

it("asks where a version wants more, and takes a yes for that very package alone", async () => {
  const name = "@ada/more";
  const { hash: first } = await begin(name, { permissions: { model: true } }, {});
  const draft = { permissions: { model: true, net: ["a.example.com"] } };
  const next = await release(ada, { name, version: "2.0.0", draft });
  const { offer } = await look(owner.apiKey, name);
  expect(offer).toMatchObject({
    version: "2.0.0",
    hash: next.hash,
    reasons: ["wants_more"],
    more: { net: ["a.example.com"], model: false },
    // What was not granted is not slipped in.
    permissions: { net: ["a.example.com"], model: false },
  });
  expect(await which(name)).toBe("1.0.0");
  expect(await errorOf(await post(name, "update", { hash: first }))).toMatchObject({ code: "plugin_update_over" });
  const tooMuch = { hash: next.hash, permissions: { files: true } };
  expect(await errorOf(await post(name, "update", tooMuch))).toMatchObject({ code: "invalid_request" });
  const done = await post(name, "update", { hash: next.hash, permissions: offer?.permissions });
  expect(await done.json()).toMatchObject({ version: "2.0.0", offer: null, log: [{ how: "agreed" }] });
  expect(await errorOf(await post(name, "update", { hash: next.hash }))).toMatchObject({ code: "plugin_update_over" });
});

it("asks where another key of the publisher signed it, where it costs something now, and where it runs elsewhere", async () => {
  const name = "@ada/other";
  await begin(name, { runsOn: "edge" });
  const keys = await newPublisherKeys();
  expect((await registerKey(ada.apiKey, keys, "another")).status).toBe(201);
  const { hash } = await release({ ...ada, keys }, { name, version: "1.1.0", draft: { runsOn: "edge" } });
  expect((await look(owner.apiKey, name)).offer?.reasons).toEqual(["other_key"]);
  expect(await errorOf(await post(name, "update", { hash }))).toMatchObject({ code: "plugin_signer_changed" });
  const price = { currency: "EUR", minorUnits: 300 };
  const paid = await release(ada, { name, version: "1.2.0", draft: { runsOn: "both", price } });
  expect((await look(owner.apiKey, name)).offer).toMatchObject({ price, reasons: ["became_paid", "runs_elsewhere"] });
  expect(await errorOf(await post(name, "update", { hash: paid.hash }))).toMatchObject({ code: "plugin_not_bought" });
  expect(await which(name)).toBe("1.0.0");
});

it("asks first where its person wants that, and never goes to trials or to what was withdrawn", async () => {
  const name = "@ada/choosy";
  const first = await begin(name);
  await setMode(name, "ask");
  await release(ada, { name, version: "1.1.0-beta.1" });
  expect((await look(owner.apiKey, name)).offer).toBeNull();
  const withdrawn = await release(ada, { name, version: "1.1.0" });
  expect((await look(owner.apiKey, name)).offer).toMatchObject({ version: "1.1.0", reasons: ["asked_first"] });
  await setState(withdrawn.id, "yanked");
  expect(await errorOf(await post(name, "update", { hash: withdrawn.hash }))).toMatchObject({ code: "not_found" });
  await setMode(name, "automatic");
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.0.0", offer: null, isYanked: false });
  await setState(first.id, "yanked");
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.0.0", isYanked: true });
  expect(await which(name)).toBe("1.0.0");
});

it("takes trials where one is installed", async () => {
  const name = "@ada/trial";
  const { hash } = await release(ada, { name, version: "1.0.0-beta.1" });
  await installFromMarket(owner.apiKey, hash);
  await release(ada, { name, version: "1.0.0-beta.2" });
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.0.0-beta.2" });
});

it("leaves alone what did not come from the market", async () => {
  const name = "@ada/filed";
  await install(owner.apiKey, await packed({ which: "return 'by hand'" }, { name }));
  await release(ada, { name, version: "3.0.0" });
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.0.0", origin: "file", offer: null });
  expect(await which(name)).toBe("by hand");
});

it("does not stay with what the market took back, pinned or not, nor goes back to it", async () => {
  const name = "@ada/bad";
  const first = await begin(name);
  const next = await release(ada, { name, version: "1.0.1" });
  await look(owner.apiKey, name);
  await setMode(name, "pinned");
  const kept = await release(ada, { name, version: "1.0.2" });
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.0.1", offer: { version: "1.0.2" } });
  await revoke(first);
  expect(await errorOf(await post(name, "rollback", { hash: first.hash }))).toMatchObject({ code: "plugin_revoked" });
  await revoke(next);
  expect(await updatesOf(owner.apiKey, name)).toMatchObject({ isRevoked: true, kept: [{ isRevoked: true }] });
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.0.2", isRevoked: false, updates: "pinned" });
  expect(kept.version).toBe("1.0.2");
  expect(await which(name)).toBe("1.0.2");
});

it("says why where a version cannot be read in the sandbox, and stays with what works", async () => {
  const name = "@ada/broken";
  await begin(name);
  await release(ada, { name, version: "1.0.1", code: "throw new Error('no way in'); export default {};" });
  expect(await look(owner.apiKey, name)).toMatchObject({
    version: "1.0.0",
    problem: { version: "1.0.1", code: expect.stringMatching(/^plugin_/) },
  });
  expect(await which(name)).toBe("1.0.0");
  await release(ada, { name, version: "1.0.2" });
  expect(await look(owner.apiKey, name)).toMatchObject({ version: "1.0.2", problem: null });
});

it("keeps the last three, with what it stored", async () => {
  const name = "@ada/many";
  const keeps = `set: { description: "d", input: { type: "object" }, async execute(context) { await context.storage.set("a", new Uint8Array([7])); return 1; } },
    get: { description: "d", input: { type: "object" }, async execute(context) { return [...(await context.storage.get("a") ?? [])]; } }`;
  const draft = { permissions: { storageBytes: 1000 } };
  const versions = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"];
  for (const version of versions) {
    const { hash } = await release(ada, { name, version, draft, code: module(version, keeps) });
    if (version === "1.0.0") {
      await installFromMarket(owner.apiKey, hash);
      await call(owner.apiKey, "set", {}, name.slice(1));
    } else await look(owner.apiKey, name);
  }
  const { kept, version } = await updatesOf(owner.apiKey, name);
  expect(version).toBe("1.0.4");
  expect(kept.map((one) => one.version)).toEqual(["1.0.3", "1.0.2", "1.0.1"]);
  const response = await post(name, "rollback", { hash: kept[2]?.hash ?? "" });
  expect(await response.json()).toMatchObject({ version: "1.0.1" });
  expect(await call(owner.apiKey, "get", {}, name.slice(1))).toMatchObject({ ok: true, value: [7] });
});

it("gives nothing again by going back that was withdrawn since", async () => {
  const name = "@ada/narrow";
  const draft = { permissions: { model: true, net: ["a.example.com"] } };
  const { hash } = await begin(name, draft);
  await release(ada, { name, version: "1.0.1", draft });
  await look(owner.apiKey, name);
  await send(owner.apiKey, "PATCH", `/api/plugins/${name.slice(1)}`, { permissions: { net: ["a.example.com"] } });
  await post(name, "rollback", { hash });
  const shown = await (await send(owner.apiKey, "GET", `/api/plugins/${name.slice(1)}`)).json();
  expect(shown).toMatchObject({ version: "1.0.0", permissions: { model: false, net: ["a.example.com"] } });
});

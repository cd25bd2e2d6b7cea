import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { ShownVersion } from "../../../edge/routes/market-schema.ts";
import { makePackage, newPublisherKeys } from "../../support/market.ts";
import { errorOf, type Owner, setUp, statusesOf } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { handIn, person, publisher, type PublisherOf, registerKey, upload } from "./support.ts";

let owner: Owner;
let ada: PublisherOf;
beforeAll(async () => {
  owner = await setUp();
  ada = await publisher(owner.accountId, "ada");
});

async function refused(response: Response): Promise<[number, string]> {
  return [response.status, (await errorOf(response)).code];
}

describe("a namespace", () => {
  it("is the first one's who claims it, for ever", async () => {
    const eve = await person(owner.accountId);
    expect(await refused(await send(eve.apiKey, "POST", "/api/market/namespaces", { namespace: "ada" }))).toEqual([
      404,
      "not_found",
    ]);
    await send(eve.apiKey, "PUT", "/api/market/publisher", { name: "Eve" });
    const taken = await send(eve.apiKey, "POST", "/api/market/namespaces", { namespace: "ada" });
    expect(await refused(taken)).toEqual([409, "namespace_taken"]);
    const again = await send(ada.apiKey, "POST", "/api/market/namespaces", { namespace: "ada" });
    expect(again.status).toBe(201);
    expect(await again.json()).toMatchObject({ namespaces: ["ada"], official: false, role: null });
  });

  it("goes to one of many who ask at once, and not to who has enough", async () => {
    const people = await Promise.all(Array.from({ length: 5 }, async () => await person(owner.accountId)));
    for (const { apiKey } of people) await send(apiKey, "PUT", "/api/market/publisher", { name: "x" });
    const race = await Promise.all(
      people.map(async ({ apiKey }) => await send(apiKey, "POST", "/api/market/namespaces", { namespace: "race" })),
    );
    expect(statusesOf(race)).toEqual([201, 409, 409, 409, 409]);
    const greedy = await person(owner.accountId);
    await send(greedy.apiKey, "PUT", "/api/market/publisher", { name: "x" });
    for (const at of [1, 2, 3, 4, 5])
      expect((await send(greedy.apiKey, "POST", "/api/market/namespaces", { namespace: `n${at}` })).status).toBe(201);
    const sixth = await send(greedy.apiKey, "POST", "/api/market/namespaces", { namespace: "n6" });
    expect(await errorOf(sixth)).toMatchObject({ code: "namespace_taken", message: expect.stringContaining("5") });
  });

  it.each(["porchlight", "porch-light", "p0rchlight", "porchIight".toLowerCase(), "openai", "0penai", "sup-port"])(
    "is reserved where it is, or looks like, a name that people trust: %s",
    async (namespace) => {
      const response = await send(ada.apiKey, "POST", "/api/market/namespaces", { namespace });
      expect(await refused(response)).toEqual([409, "namespace_taken"]);
    },
  );

  it("of the project is the administrators' to claim", async () => {
    await send(owner.apiKey, "PUT", "/api/market/publisher", { name: "Porchlight" });
    const claimed = await send(owner.apiKey, "POST", "/api/market/namespaces", { namespace: "porchlight" });
    expect(claimed.status).toBe(201);
    expect(await claimed.json()).toMatchObject({ role: "administrator", namespaces: ["porchlight"] });
  });
});

describe("a publisher's key", () => {
  it("is registered by who holds it, once for each challenge", async () => {
    const [mine, other] = [await newPublisherKeys(), await newPublisherKeys()];
    expect((await registerKey(ada.apiKey, mine)).status).toBe(201);
    // Somebody else's key, signed by one's own.
    expect(await refused(await registerKey(ada.apiKey, { ...other, privateKey: mine.privateKey }))).toEqual([
      422,
      "publisher_key_invalid",
    ]);
    const body = { publicKey: mine.raw, name: "x", challenge: "made up", signature: "A".repeat(86) };
    expect(await refused(await send(ada.apiKey, "POST", "/api/market/publisher-keys", body))).toEqual([
      410,
      "code_used_or_expired",
    ]);
  });

  it("is one publisher's alone, and signs nothing new once it is withdrawn", async () => {
    const bob = await publisher(owner.accountId, "bob");
    expect(await refused(await registerKey(ada.apiKey, bob.keys))).toEqual([422, "publisher_key_invalid"]);
    const revoked = await send(bob.apiKey, "DELETE", `/api/market/publisher-keys/${bob.keys.raw}`);
    expect(await revoked.json()).toMatchObject({ keys: [{ publicKey: bob.keys.raw, revokedAt: expect.any(String) }] });
    const { bytes } = await makePackage({ name: "@bob/late" }, bob.keys);
    expect(await refused(await upload(bob.apiKey, bytes))).toEqual([422, "publisher_key_invalid"]);
  });
});

describe("an upload", () => {
  it("becomes a draft, which another of its number replaces until it is handed in", async () => {
    const first = await makePackage({ name: "@ada/weather", files: { "README.md": "# Weather" } }, ada.keys);
    const uploaded = await upload(ada.apiKey, first.bytes);
    expect(uploaded.status).toBe(201);
    const draft = await uploaded.json<ShownVersion>();
    expect(draft).toMatchObject({ plugin: "@ada/weather", version: "1.0.0", state: "draft", hash: first.hash });
    const second = await makePackage({ name: "@ada/weather", code: "export default { tools: {} };" }, ada.keys);
    const replaced = await (await upload(ada.apiKey, second.bytes)).json<ShownVersion>();
    expect(replaced.hash).toBe(second.hash);
    const handedIn = await handIn(ada, { name: "@ada/weather" });
    expect(handedIn).toMatchObject({ state: "in_review", words: "" });
    expect(await refused(await upload(ada.apiKey, second.bytes))).toEqual([409, "version_taken"]);
    // What is not published is nobody's to install.
    expect(await env.PACKAGES.head(`packages/${handedIn.hash}`)).toBeNull();
    expect(await env.PACKAGES.head(`submissions/${handedIn.id}`)).not.toBeNull();
  });

  it("is thrown away as a draft alone, and by its publisher alone", async () => {
    const { bytes } = await makePackage({ name: "@ada/gone" }, ada.keys);
    const { id } = await (await upload(ada.apiKey, bytes)).json<ShownVersion>();
    const bob = await publisher(owner.accountId, "bobby");
    expect((await send(bob.apiKey, "DELETE", `/api/market/versions/${id}`)).status).toBe(404);
    expect((await send(bob.apiKey, "POST", `/api/market/versions/${id}/submit`, {})).status).toBe(404);
    expect((await send(ada.apiKey, "DELETE", `/api/market/versions/${id}`)).status).toBe(204);
    expect(await env.PACKAGES.head(`submissions/${id}`)).toBeNull();
    const kept = await handIn(ada, { name: "@ada/kept" });
    expect(await refused(await send(ada.apiKey, "DELETE", `/api/market/versions/${kept.id}`))).toEqual([
      409,
      "version_state",
    ]);
    expect(await refused(await send(ada.apiKey, "POST", `/api/market/versions/${kept.id}/submit`))).toEqual([
      409,
      "version_state",
    ]);
  });

  it("is of one's own namespace, signed by one's own key", async () => {
    const eve = await publisher(owner.accountId, "evelyn");
    const foreign = await makePackage({ name: "@ada/fake" }, eve.keys);
    expect(await refused(await upload(eve.apiKey, foreign.bytes))).toEqual([403, "forbidden"]);
    const nobodys = await makePackage({ name: "@nobody/x" }, eve.keys);
    expect(await refused(await upload(eve.apiKey, nobodys.bytes))).toEqual([403, "forbidden"]);
    const unsigned = await makePackage({ name: "@ada/bare" });
    expect(await refused(await upload(ada.apiKey, unsigned.bytes))).toEqual([422, "publisher_key_invalid"]);
    const strange = await makePackage({ name: "@ada/strange" }, await newPublisherKeys());
    expect(await refused(await upload(ada.apiKey, strange.bytes))).toEqual([422, "publisher_key_invalid"]);
    // A reader of the market sees no draft of others.
    const viewer = await person(owner.accountId, "viewer");
    expect((await upload(viewer.apiKey, unsigned.bytes)).status).toBe(403);
  });
});

import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { bearer, errorOf, insertKey, insertUser, type Owner, request, setUp } from "../../support/edge.ts";
import { send } from "../../support/keys.ts";

let owner: Owner;
let bens: string;
let benId: string;

beforeAll(async () => {
  owner = await setUp();
  benId = await insertUser(owner.accountId, "viewer");
  bens = await insertKey(owner.accountId, "admin", benId);
});

interface ShownFact {
  id: string;
  text: string;
}

const facts = async (key: string): Promise<ShownFact[]> => {
  const response = await request("/api/memory", { headers: bearer(key) });
  return (await response.json<{ facts: ShownFact[] }>()).facts;
};

it("keeps facts over the API, each for its person", async () => {
  const made = await send(owner.apiKey, "POST", "/api/memory", { text: " I live\nin Lyon " });
  expect(made.status).toBe(201);
  const fact = await made.json<ShownFact>();
  expect(fact).toMatchObject({ text: "I live in Lyon", source: null });
  expect(await facts(bens)).toEqual([]);
  const path = `/api/memory/${fact.id}`;
  expect((await send(bens, "PATCH", path, { text: "mine" })).status).toBe(404);
  expect((await send(bens, "DELETE", path)).status).toBe(404);
  expect(await (await send(owner.apiKey, "PATCH", path, { text: "I live in Nice" })).json()).toMatchObject({
    id: fact.id,
    text: "I live in Nice",
  });
  await send(bens, "POST", "/api/memory", { text: "I am Ben" });
  expect((await send(owner.apiKey, "DELETE", path)).status).toBe(204);
  expect((await send(owner.apiKey, "DELETE", path)).status).toBe(404);
  await send(owner.apiKey, "POST", "/api/memory", { text: "one" });
  expect((await send(owner.apiKey, "DELETE", "/api/memory")).status).toBe(204);
  expect([await facts(owner.apiKey), (await facts(bens)).map(({ text }) => text)]).toEqual([[], ["I am Ben"]]);
});

it("refuses what is no fact", async () => {
  for (const text of ["", "   ", "x".repeat(501), 7, null]) {
    expect((await send(owner.apiKey, "POST", "/api/memory", { text })).status).toBe(400);
  }
  const invisible = await send(owner.apiKey, "POST", "/api/memory", { text: "\u0000\u0007" });
  expect(await errorOf(invisible)).toMatchObject({ code: "invalid_request", param: "text" });
});

it("forgets a person who leaves", async () => {
  await env.HOME.getByName(owner.accountId).keyRevoked(benId);
  expect(await facts(bens)).toEqual([]);
});

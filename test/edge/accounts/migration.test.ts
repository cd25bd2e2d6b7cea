import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { createApiKey, shownPrefix } from "../../../edge/credentials/api-key.ts";
import { hashSecret, randomSecret } from "../../../edge/credentials/secret.ts";
import { bearer, request } from "../support/edge.ts";

it("keeps the account, keys, machines and sessions of an edge that had no people yet", async () => {
  const db = env.DB;
  const tables = await db
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite*' AND name NOT GLOB 'd1_*' ORDER BY sql DESC",
    )
    .all<{ name: string }>();
  // Virtual tables come first: those that they are made of go with them.
  const drops = tables.results.map(({ name }) => db.prepare(`DROP TABLE IF EXISTS "${name}"`));
  await db.batch([db.prepare("PRAGMA defer_foreign_keys = on"), ...drops]);
  const [first, ...later] = env.TEST_MIGRATIONS;
  for (const query of first?.queries ?? []) await db.prepare(query).run();
  const key = createApiKey();
  const cookie = randomSecret(32);
  const future = Date.now() + 60_000;
  await db.batch([
    db.prepare("INSERT INTO accounts VALUES ('a', 'Owner', 'owner', 1)"),
    db
      .prepare("INSERT INTO api_keys VALUES ('k', 'a', ?, ?, 'first', 'owner', 1, NULL, NULL)")
      .bind(await hashSecret(key), shownPrefix(key)),
    db.prepare("INSERT INTO agents VALUES ('m', 'a', 'machine', 'p', 1, NULL, NULL)"),
    db.prepare("INSERT INTO sessions VALUES (?, 'a', 1, ?)").bind(await hashSecret(cookie), future),
  ]);
  // Each migration in one transaction, as it is applied everywhere.
  for (const { queries } of later) await db.batch(queries.map((query) => db.prepare(query)));
  expect((await request("/api/agents", { headers: bearer(key) })).status).toBe(200);
  const listed = await (await request("/api/agents", { headers: bearer(key) })).json<{ agents: { id: string }[] }>();
  expect(listed.agents.map(({ id }) => id)).toEqual(["m"]);
  const page = await request("http://localhost:8787/account", { headers: { cookie: `porchlight=${cookie}` } });
  expect(page.status).toBe(200);
  expect(await page.text()).toContain('value="Owner"');
  const link = await request("/api/sign-in-links", { method: "POST", headers: bearer(key) });
  expect(link.status).toBe(201);
});

import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";

/** Tables of data, but for those that a virtual table is made of. */
const TABLES = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite*'
  AND name NOT GLOB 'd1_*' AND name NOT GLOB 'market_search_*'`;

// Files share a worker, which starts once, its database and its packages: each begins with them empty. Objects are each test's own, by their names.
await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
const { results } = await env.DB.prepare(TABLES).all<{ name: string }>();
const empty = results.map(({ name }) => env.DB.prepare(`DELETE FROM "${name}"`));
await env.DB.batch([env.DB.prepare("PRAGMA defer_foreign_keys = on"), ...empty]);

for (let listed = await env.PACKAGES.list(); listed.objects.length > 0; listed = await env.PACKAGES.list())
  await env.PACKAGES.delete(listed.objects.map(({ key }) => key));

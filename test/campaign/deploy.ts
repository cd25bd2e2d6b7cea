import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deployEdge } from "../../node-agent/commands/edge-deploy.ts";
import { ROOT } from "../../node-agent/edge/build.ts";
import { ensureBucket, ensureDatabase, ensureQueue } from "../../node-agent/edge/deploy/ensure.ts";
import { type RunWrangler, runWrangler } from "../../node-agent/edge/deploy/wrangler.ts";
import { CloudflareApi } from "../support/cloudflare-api.ts";

/**
 * `porchlight edge deploy` with the real wrangler against a stand-in of Cloudflare's API: the first deployment, the second, one for a
 * host of one's own, and failures. It shows that wrangler takes our commands and configuration, not that Cloudflare does.
 */

const more = join(ROOT, "wrangler.campaign.toml");
const MORE = `
[[r2_buckets]]
binding = "CAMPAIGN_BUCKET"
bucket_name = "campaign-bucket"
[[queues.producers]]
binding = "CAMPAIGN_QUEUE"
queue = "campaign-queue"
`;
const api = await CloudflareApi.start();
const data = await mkdtemp(join(tmpdir(), "porchlight-deploy-campaign-"));
const run: RunWrangler = async (args, env) => await runWrangler(args, { ...api.env, ...env });
const changes = () => api.calls.filter(({ method, path }) => method !== "GET" && !path.endsWith("/query"));
const lastUpload = () => api.uploads.at(-1) ?? "";
const SECRET = /"name":"SETUP_TOKEN","type":"secret_text"/;
const made: string[] = [];
const note = (what: string) => made.push(what);
try {
  assert.equal(await deployEdge({ data, dryRun: true }, run), 0);
  // Whatever wrangler.toml names now: with a bucket and a queue of its own, too.
  await writeFile(more, `${await readFile(join(ROOT, "wrangler.toml"), "utf8")}\n${MORE}`);
  assert.equal(await deployEdge({ data, dryRun: true }, run, more), 0);
  assert.equal(api.calls.length, 0, "a dry run asks nothing of Cloudflare");

  assert.equal(await deployEdge({ data, dryRun: false }, run), 0);
  const [[id, database] = []] = [...api.databases];
  assert.equal(database?.name, "porchlight");
  assert.ok(lastUpload().includes(`"${id}"`), "the Worker is bound to the database that was made");
  assert.match(lastUpload(), SECRET);
  const migrated = database.sql.prepare("SELECT count(*) AS n FROM d1_migrations").get();
  assert.ok(Number(migrated?.n) >= 4, "migrations are applied");
  assert.ok(database.sql.prepare("SELECT 1 FROM sqlite_master WHERE name = 'accounts'").get());

  const before = changes().length;
  assert.equal(await deployEdge({ data, dryRun: false, origin: "https://home.example" }, run), 0);
  const second = changes()
    .slice(before)
    .map(({ method, path }) => `${method} ${path}`);
  assert.ok(!second.some((call) => call.startsWith("POST /d1/database")), "nothing is made twice");
  assert.equal(api.databases.size, 1);
  assert.deepEqual(database.sql.prepare("SELECT count(*) AS n FROM d1_migrations").get(), migrated);
  assert.ok(!SECRET.test(lastUpload()), "the set-up token stays as it is");
  assert.match(lastUpload(), /"name":"PUBLIC_ORIGIN","type":"plain_text","text":"https:\/\/home\.example"/);

  assert.equal(await deployEdge({ data, dryRun: false }, run), 0);
  assert.match(lastUpload(), /https:\/\/home\.example/, "the origin is remembered: passkeys are bound to it");

  for (const round of [1, 2]) {
    await ensureDatabase(run, "other", note);
    await ensureBucket(run, "packages", note);
    await ensureQueue(run, "work", note);
    assert.deepEqual(made, ["D1 database other", "R2 bucket packages", "queue work"], `round ${round}`);
  }

  assert.equal(await deployEdge({ data, dryRun: false }, run, more), 0);
  assert.ok(api.buckets.has("campaign-bucket") && api.queues.has("campaign-queue"));
  assert.match(lastUpload(), /"name":"CAMPAIGN_BUCKET","type":"r2_bucket","bucket_name":"campaign-bucket"/);
  assert.match(
    lastUpload(),
    /"type":"queue","name":"CAMPAIGN_QUEUE","queue_name":"campaign-queue"|"name":"CAMPAIGN_QUEUE","type":"queue"/,
  );

  const refused: RunWrangler = async (args, env) => await run(args, { ...env, CLOUDFLARE_ACCOUNT_ID: "another" });
  await assert.rejects(deployEdge({ data, dryRun: false }, refused), /'wrangler d1 list --json' failed/);
  console.log("Calls that the stand-in does not know:", [...new Set(api.unknown)]);
  console.log(`deploy: ${api.calls.length} calls of the real wrangler, all as expected`);
} finally {
  api.stop();
  await rm(more, { force: true });
  await rm(data, { recursive: true, force: true });
}

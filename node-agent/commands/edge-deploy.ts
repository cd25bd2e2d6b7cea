import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { dataFolder, writePrivateFile } from "../data-folder.ts";
import { ROOT } from "../edge/build.ts";
import { type DeployConfig, filledIn, parseConfig, resourcesOf } from "../edge/deploy/config.ts";
import { ensureBucket, ensureDatabase, ensureQueue, secretsOf } from "../edge/deploy/ensure.ts";
import { mustRun, type RunWrangler, runWrangler } from "../edge/deploy/wrangler.ts";
import { CommandError } from "./command-error.ts";
import { say, styled } from "./terminal.ts";

export interface DeployFlags {
  data?: string;
  origin?: string;
  dryRun: boolean;
}

const TOML = join(ROOT, "wrangler.toml");
/** Beside wrangler.toml, whose paths it has; made anew each time. */
const GENERATED = "wrangler.deploy.json";
const chosenSchema = z.object({ origin: z.url().optional() });

/**
 * `porchlight edge deploy`: makes what wrangler.toml names in a Cloudflare account and is not there yet, migrates, deploys, and sets the
 * set-up token the first time. Every step looks before it acts: run it again after a failure, or to update.
 * @param toml says what is deployed; in the checkout's root
 */
export async function deployEdge(flags: DeployFlags, run: RunWrangler = runWrangler, toml = TOML): Promise<number> {
  const chosenFile = join(dataFolder(flags.data).root, "deploy.json");
  const origin = checkedOrigin(flags.origin) ?? (await readChosen(chosenFile));
  const config = parseConfig(await readToml(toml));
  if (flags.dryRun) return await dryRun(config, origin, run, toml);

  const file = join(ROOT, GENERATED);
  const secrets = await mkdtemp(join(tmpdir(), "porchlight-deploy-"));
  try {
    const { databases, buckets, queues } = resourcesOf(config);
    const made = (what: string) => say(`${styled("green", "✓")} Made ${what}`);
    const ids = new Map<string, string>();
    for (const name of databases) ids.set(name, await ensureDatabase(run, name, made));
    for (const name of buckets) await ensureBucket(run, name, made);
    for (const name of queues) await ensureQueue(run, name, made);
    await writeFile(file, JSON.stringify(filledIn(config, ids, origin), undefined, 2));
    // Before the code that needs them; what runs now goes on with them, since migrations only add.
    for (const name of databases) await mustRun(run, ["d1", "migrations", "apply", name, "--remote", "--config", file]);
    say(`${styled("green", "✓")} Migrated ${databases.join(", ")}`);
    const token = (await secretsOf(run, file)).includes("SETUP_TOKEN")
      ? undefined
      : randomBytes(24).toString("base64url");
    const target = await deploy(run, file, secrets, token);
    if (flags.origin !== undefined) await writePrivateFile(chosenFile, `${JSON.stringify({ origin })}\n`);
    const where = origin ?? target;
    say(`${styled("green", "✓")} Deployed${where === undefined ? "" : ` to ${styled("cyan", where)}`}`);
    if (token !== undefined) {
      say(`  Set up  ${where ?? ""}/setup#token=${token}`);
      say(
        "          who opens this link first owns the edge. It is shown this once; for another: npx wrangler secret put SETUP_TOKEN",
      );
    }
    return 0;
  } finally {
    await rm(file, { force: true });
    await rm(secrets, { recursive: true, force: true });
  }
}

/** Returns the first address that wrangler says it deployed to. */
async function deploy(
  run: RunWrangler,
  config: string,
  folder: string,
  token: string | undefined,
): Promise<string | undefined> {
  const report = join(folder, "report.ndjson");
  const secretsFile = join(folder, "secrets.json");
  if (token !== undefined) await writePrivateFile(secretsFile, JSON.stringify({ SETUP_TOKEN: token }));
  const more = token === undefined ? [] : ["--secrets-file", secretsFile];
  await mustRun(run, ["deploy", "--config", config, ...more], { WRANGLER_OUTPUT_FILE_PATH: report });
  const lines = (await readFile(report, "utf8").catch(() => "")).split("\n").filter(Boolean); // a wrangler that writes none still deployed
  const schema = z.looseObject({ type: z.literal("deploy"), targets: z.array(z.string()).default([]) });
  const entries = lines.map((line) => schema.safeParse(JSON.parse(line)));
  const target = entries.flatMap((entry) => (entry.success ? entry.data.targets : []))[0];
  return target === undefined || URL.canParse(target) ? target : `https://${target.split(" ")[0]}`;
}

async function dryRun(
  config: DeployConfig,
  origin: string | undefined,
  run: RunWrangler,
  toml: string,
): Promise<number> {
  const { databases, buckets, queues } = resourcesOf(config);
  const lines = [
    ...databases.map((name) => `make the D1 database ${name} if it is missing, and apply migrations to it`),
    ...buckets.map((name) => `make the R2 bucket ${name} if it is missing`),
    ...queues.map((name) => `make the queue ${name} if it is missing`),
    "make the secret SETUP_TOKEN if it is missing",
    `deploy the Worker ${config.name}${origin === undefined ? "" : ` for ${origin}`}`,
  ];
  say(["It would:", ...lines.map((line) => `  ${line}`)].join("\n"));
  const folder = await mkdtemp(join(tmpdir(), "porchlight-deploy-"));
  try {
    await mustRun(run, ["deploy", "--dry-run", "--outdir", folder, "--config", toml]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  say(`${styled("green", "✓")} The Worker builds. Nothing was asked of Cloudflare.`);
  return 0;
}

async function readToml(config: string): Promise<unknown> {
  const { experimental_readRawConfig: readRawConfig } = await import("wrangler");
  return readRawConfig({ config }).rawConfig;
}

function checkedOrigin(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url?.protocol === "https:" && url.pathname === "/" && url.search + url.hash + url.username + url.port === "")
    return url.origin;
  throw new CommandError(
    "bad_usage",
    `--origin is an address such as https://home.example, not "${text.slice(0, 200)}".`,
  );
}

/** The origin of the last deployment from here: passkeys are bound to it. */
async function readChosen(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined); // nothing was chosen yet
  return text === undefined ? undefined : chosenSchema.parse(JSON.parse(text)).origin;
}

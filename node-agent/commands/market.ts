import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readMetadata, rootSchema } from "../../shared/market/tuf/metadata.ts";
import { rootOf, type TufKeyWithId } from "../../shared/market/tuf/root.ts";
import { newSecretKey, readSigner, signMetadata, type Signer } from "../../shared/market/tuf/signer.ts";
import { dataFolder, writePrivateFile } from "../data-folder.ts";
import { askMarket, type MarketAccess, type MarketTrust, marketTrustSchema } from "../market/market-api.ts";
import { marketFiles } from "../market/market-files.ts";
import { CommandError } from "./command-error.ts";
import { type EdgeAccess, edgeAccess } from "./edge-access.ts";
import { say, styled } from "./terminal.ts";

export interface MarketFlags {
  data?: string;
  origin?: string;
  json: boolean;
  /** File of the root's key. */
  "root-key"?: string;
}

const ROOT_LIFE_MS = 365 * 24 * 3600_000;
const rootKeySchema = z.strictObject({ kind: z.literal("porchlight market root key"), secret: z.string() });

/** `porchlight market [status | init | renew | seed]`. */
export async function market(flags: MarketFlags, [what = "status", ...rest]: string[]): Promise<number> {
  if (rest.length > 0 || !["status", "init", "renew", "seed"].includes(what))
    throw new CommandError("bad_usage", "'porchlight market' takes status, init, renew or seed.");
  if (what === "seed") return await (await import("./market-seed.ts")).seedMarket(flags);
  const access = await edgeAccess(flags);
  const trust = await trustOf(access);
  if (what === "status") return tell(flags, trust);
  if (trust.keys === null) return await makeOnlineKeys(flags, access);
  if (what === "init" && trust.ready) {
    say(`${access.origin} is a market already. Before its root expires: porchlight market renew --root-key FILE`);
    return tell(flags, trust);
  }
  return tell(flags, await putRoot(flags, access, { ...trust, keys: trust.keys }));
}

async function trustOf(access: MarketAccess): Promise<MarketTrust> {
  const asked = { schema: marketTrustSchema, what: "say how its market stands" };
  return await askMarket(access, "/api/market/trust", asked);
}

/** The three keys that the edge itself signs with: beside the state of an edge here, or in a file for an edge elsewhere. */
async function makeOnlineKeys(flags: MarketFlags, { origin, isOwner }: EdgeAccess): Promise<number> {
  const folder = dataFolder(flags.data);
  const file = isOwner ? folder.marketKeys : join(folder.root, `market-keys-${new URL(origin).hostname}.json`);
  if (!(await exists(file))) {
    const [targets, snapshot, timestamp] = [await newSecretKey(), await newSecretKey(), await newSecretKey()];
    await writePrivateFile(file, JSON.stringify({ targets, snapshot, timestamp }));
    say(`${styled("green", "✓")} Made the keys that the edge signs its catalogue with: ${file}`);
  }
  say("Give them to the edge, then run 'porchlight market init' once more:");
  say(isOwner ? "  start it again: it takes them from there" : `  npx wrangler secret put MARKET_KEYS < ${file}`);
  return 0;
}

/** Signs the next root with the root's key, which never leaves this machine, and gives it to the edge. */
async function putRoot(
  flags: MarketFlags,
  access: MarketAccess,
  trust: MarketTrust & { keys: NonNullable<MarketTrust["keys"]> },
): Promise<MarketTrust> {
  const file = flags["root-key"];
  if (file === undefined)
    throw new CommandError(
      "bad_usage",
      "Say where the root's key is, or is to be: --root-key FILE, on a stick for a drawer.",
    );
  const root = await rootKey(file, trust.rootVersion === null);
  const before = trust.rootVersion === null ? undefined : await currentRoot(access, trust.rootVersion);
  if (before !== undefined && !before.roles.root.keyids.includes(root.keyid))
    throw new CommandError("bad_usage", `${file} is not the key of this market's root.`);
  const { targets, snapshot, timestamp } = trust.keys;
  const keys = { root: [root], targets: online(targets), snapshot: online(snapshot), timestamp: online(timestamp) };
  const signed = rootOf(keys, (trust.rootVersion ?? 0) + 1, Date.now() + ROOT_LIFE_MS);
  const body = { root: await signMetadata(signed, [root]) };
  const asked = { method: "PUT", body, schema: marketTrustSchema, what: "take the root" } as const;
  const after = await askMarket(access, "/api/market/trust", asked);
  say(`${styled("green", "✓")} ${access.origin} is a market: its root is version ${after.rootVersion ?? 0}.`);
  if (before === undefined)
    say(`  Keep ${file} off every network. Whoever has it can replace all keys; without it, nobody can.`);
  return after;
}

async function currentRoot({ origin }: MarketAccess, version: number) {
  const bytes = await marketFiles(origin).fetchMetadata(`${version}.root.json`, 64 * 1024);
  if (bytes === undefined) throw new CommandError("request_failed", `${origin} does not have its root. Try again.`);
  return readMetadata(rootSchema, bytes).signed;
}

/** The root's key in a file; made where there is no market yet and no file. */
async function rootKey(file: string, mayMake: boolean): Promise<Signer> {
  const isThere = await exists(file);
  if (!isThere && !mayMake)
    throw new CommandError("bad_usage", `There is no ${file}. The key of this market's root is needed.`);
  if (!isThere) {
    const made: z.infer<typeof rootKeySchema> = { kind: "porchlight market root key", secret: await newSecretKey() };
    await writePrivateFile(file, `${JSON.stringify(made)}\n`);
    say(`${styled("green", "✓")} Made the root's key: ${file}`);
  }
  const parsed = rootKeySchema.safeParse(parseJson(await readFile(file, "utf8")));
  const signer = parsed.success ? await readSigner(parsed.data.secret) : undefined;
  if (signer === undefined) throw new CommandError("bad_usage", `${file} is no root key of a market.`);
  return signer;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no root key: said by who asked
  }
}

function online({ keyId, publicKey }: { keyId: string; publicKey: string }): TufKeyWithId {
  return { keyid: keyId, key: { keytype: "ed25519", scheme: "ed25519", keyval: { public: publicKey } } };
}

function tell({ json }: MarketFlags, trust: MarketTrust): number {
  if (json) process.stdout.write(`${JSON.stringify(trust)}\n`);
  else if (trust.ready)
    say(`Market    open; its root (version ${trust.rootVersion ?? 0}) expires ${trust.rootExpires ?? ""}`);
  else if (trust.keys === null)
    say("Market    none: this edge has no keys for one. Make it one: porchlight market init");
  else
    say("Market    closed: its root does not name the edge's keys. Sign one: porchlight market init --root-key FILE");
  return 0;
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}

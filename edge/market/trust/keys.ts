import { z } from "zod";
import { PorchlightError } from "../../../shared/errors.ts";
import { readMetadata, type Root, rootSchema } from "../../../shared/market/tuf/metadata.ts";
import { readSigner, type Signer } from "../../../shared/market/tuf/signer.ts";
import type { EdgeBindings } from "../../env.ts";
import type { Database } from "../../store/database.ts";
import { newestRoot } from "../store/metadata.ts";

/** The market's keys that are online: secrets of the Worker. The root's is nowhere near it. */
export interface OnlineKeys {
  targets: Signer;
  snapshot: Signer;
  timestamp: Signer;
}

const secretsSchema = z.strictObject({ targets: z.string(), snapshot: z.string(), timestamp: z.string() });

/** The keys of the secret MARKET_KEYS; undefined: this edge is no market. Throws where it is not what `market init` wrote. */
export async function onlineKeys(env: Pick<EdgeBindings, "MARKET_KEYS">): Promise<OnlineKeys | undefined> {
  if (env.MARKET_KEYS === undefined || env.MARKET_KEYS === "") return undefined;
  let secrets: z.infer<typeof secretsSchema>;
  try {
    secrets = secretsSchema.parse(JSON.parse(env.MARKET_KEYS));
  } catch {
    // What it holds must not end up in a log.
    throw new PorchlightError("market_not_ready", "The secret MARKET_KEYS is not what 'porchlight market init' wrote.");
  }
  const [targets, snapshot, timestamp] = await Promise.all([
    readSigner(secrets.targets),
    readSigner(secrets.snapshot),
    readSigner(secrets.timestamp),
  ]);
  if (targets && snapshot && timestamp) return { targets, snapshot, timestamp };
  throw new PorchlightError("market_not_ready", "The secret MARKET_KEYS holds no keys of Ed25519.");
}

/** Root and keys where they belong together. Throws `market_not_ready` with the way out. */
export async function requireMarket(
  db: Database,
  env: Pick<EdgeBindings, "MARKET_KEYS">,
): Promise<{ root: Root; keys: OnlineKeys }> {
  const [keys, body] = [await onlineKeys(env), await newestRoot(db)];
  if (keys === undefined || body === undefined) throw new PorchlightError("market_not_ready");
  const root = readMetadata(rootSchema, new TextEncoder().encode(body)).signed;
  if (fitting(root, keys)) return { root, keys };
  throw new PorchlightError(
    "market_not_ready",
    "The market's root names other keys than the secret MARKET_KEYS holds.",
  );
}

/** Whether the root names these keys for their roles. */
export function fitting(root: Root, keys: OnlineKeys): boolean {
  return (["targets", "snapshot", "timestamp"] as const).every((role) =>
    root.roles[role].keyids.includes(keys[role].keyid),
  );
}

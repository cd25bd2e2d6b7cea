import { PorchlightError } from "../../errors.ts";
import { isSigned } from "./keys.ts";
import { readMetadata, type Root, rootSchema, type Signed, type TufKey } from "./metadata.ts";

export const TUF_VERSION = "1.0.33";

/** The public keys of a market's roles. The root's are kept away from every network. */
export interface MarketKeys {
  root: readonly TufKeyWithId[];
  targets: TufKeyWithId;
  snapshot: TufKeyWithId;
  timestamp: TufKeyWithId;
}
export interface TufKeyWithId {
  keyid: string;
  key: TufKey;
}

/** A root to be signed by its own keys and, from its second version on, by those of the root before. */
export function rootOf(keys: MarketKeys, version: number, expiresAtMs: number): Root {
  const { root, targets, snapshot, timestamp } = keys;
  const role = (...of: readonly TufKeyWithId[]) => ({ keyids: of.map(({ keyid }) => keyid), threshold: 1 });
  return {
    _type: "root",
    spec_version: TUF_VERSION,
    consistent_snapshot: true,
    version,
    expires: tufTime(expiresAtMs),
    keys: Object.fromEntries([...root, targets, snapshot, timestamp].map(({ keyid, key }) => [keyid, key])),
    roles: { root: role(...root), targets: role(targets), snapshot: role(snapshot), timestamp: role(timestamp) },
  };
}

/** Whole seconds, as the specification has them. */
export function tufTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

/** A root that is signed by itself and, where there is one before, follows it. Throws PorchlightError `market_wrong_signature` and so on. */
export async function readRoot(text: string, before: Root | undefined): Promise<Signed<Root>> {
  const read = readMetadata(rootSchema, new TextEncoder().encode(text));
  const { signed } = read;
  for (const by of before === undefined ? [signed] : [before, signed]) {
    if (!(await isSigned(read, by.roles.root, by.keys)))
      throw new PorchlightError("market_wrong_signature", "The root is not signed by the root keys that it takes.");
  }
  const wanted = (before?.version ?? 0) + 1;
  if (signed.version !== wanted)
    throw new PorchlightError("market_rollback", `The root has version ${signed.version}; ${wanted} is next.`);
  return read;
}

import { scanPackage, sha256Of, validatePackage } from "../../shared/market/checks/check-package.ts";
import { type Finding, FINDINGS, finding } from "../../shared/market/findings.ts";
import { readPackage } from "../../shared/plugin/package.ts";
import type { Database } from "../store/database.ts";
import { MARKET_LIMITS } from "./limits.ts";
import { submissionName } from "./packages.ts";
import { badAmong } from "./store/bad-hashes.ts";
import { countTry, listVersionsIn, moveVersion, putFindings, type Version } from "./store/versions.ts";

export interface CheckOptions {
  db: Database;
  packages: R2Bucket;
}

const UNDER_WAY = ["submitted", "validating", "scanning"] as const;

/**
 * Checks the version that waits longest, from the state that it is in to one where a person decides. Returns in how many milliseconds
 * to call again; undefined: nothing waits.
 */
export async function checkNext({ db, packages }: CheckOptions, nowMs: number): Promise<number | undefined> {
  const [next] = await listVersionsIn(db, UNDER_WAY, 1);
  if (next === undefined) return undefined;
  const { version } = next;
  // Counted before, so that a package that ends the isolate does not do so for ever.
  const tries = await countTry(db, version.id);
  if (version.state === "submitted") await moveVersion(db, version.id, "validate", { nowMs });
  if (tries > MARKET_LIMITS.tries) {
    await refuse(db, version, [finding("check_failed", "")], nowMs);
    return 0;
  }
  try {
    await check({ db, packages }, version, nowMs);
    return 0;
  } catch (error) {
    // The bucket or the database: neither is the package's fault, and the tries are counted.
    console.error(`Checking ${version.id} failed:`, error);
    return MARKET_LIMITS.retryMs;
  }
}

async function check({ db, packages }: CheckOptions, version: Version, nowMs: number): Promise<void> {
  const object = await packages.get(submissionName(version.id));
  if (object === null) throw new Error("The package is not in the bucket.");
  const bytes = new Uint8Array(await object.arrayBuffer());
  if ((await sha256Of(bytes)) !== version.sha256)
    throw new Error("The package in the bucket is not the one that was uploaded.");
  const plugin = await readPackage(bytes);
  const invalid = await validatePackage(plugin);
  if (refuses(invalid)) return await refuse(db, version, invalid, nowMs);
  await moveVersion(db, version.id, "scan", { nowMs });
  const found = [...invalid, ...(await scanPackage(plugin, (hashes) => badAmong(db, hashes)))];
  await putFindings(db, version.id, found);
  // Leaked keys: the publisher hears it at once, and nobody else sees the package.
  const words = found.some(({ severity }) => severity === "refuse" || severity === "danger") ? wordsOf(found) : "";
  await moveVersion(db, version.id, words === "" ? "clear" : "suspect", { nowMs, words });
  if (refuses(found)) await moveVersion(db, version.id, "reject", { nowMs, words });
}

async function refuse(db: Database, version: Version, found: readonly Finding[], nowMs: number): Promise<void> {
  await putFindings(db, version.id, found);
  const words = wordsOf(found);
  // From where it stands: a scan that never ended is quarantined first.
  const moved = await moveVersion(db, version.id, "refuse", { nowMs, words });
  if (moved !== undefined) return;
  await moveVersion(db, version.id, "suspect", { nowMs, words });
  await moveVersion(db, version.id, "reject", { nowMs, words });
}

function refuses(found: readonly Finding[]): boolean {
  return found.some(({ severity }) => severity === "refuse");
}

function wordsOf(found: readonly Finding[]): string {
  const [first] = found;
  if (first === undefined) return "";
  const { code, path, line, excerpt } = first;
  const place = [path, line > 0 ? `line ${line}` : "", excerpt].filter((part) => part !== "").join(", ");
  return `${FINDINGS[code].message}${place === "" ? "" : ` (${place})`}`;
}

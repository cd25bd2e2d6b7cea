import { eq } from "drizzle-orm";
import { PorchlightError } from "../../shared/errors.ts";
import { type Difference, differenceOf } from "../../shared/market/difference.ts";
import type { RevocationReason } from "../../shared/market/revocations.ts";
import { stateAfter, type VersionEvent } from "../../shared/market/states.ts";
import { parseManifest, readPackage } from "../../shared/plugin/package.ts";
import type { Account, EdgeBindings } from "../env.ts";
import type { Database } from "../store/database.ts";
import { markBad } from "./known-bad.ts";
import { MARKET_LIMITS } from "./limits.ts";
import { putClawback } from "./money/sales.ts";
import { packageName, submissionName } from "./packages.ts";
import { putRevocation } from "./store/revocations.ts";
import { countApprovals, putReview } from "./store/reviews.ts";
import { marketPublishers } from "./store/schema.ts";
import {
  claimVersion,
  findVersion,
  moveVersion,
  type Version,
  versionBefore,
  type VersionOf,
} from "./store/versions.ts";
import { requireMarket } from "./trust/keys.ts";

type Reviewer = Pick<Account, "userId" | "userName">;

export const DECISIONS = ["approve", "reject", "release", "quarantine"] as const;
export type Decision = (typeof DECISIONS)[number];

const REVIEWED = ["in_review", "quarantined"];
/** Official plugins are the market's own word. */
const APPROVALS = { official: 2, other: 1 };

/** Takes a version onto a reviewer's desk for two hours. Throws PorchlightError. */
export async function claim(db: Database, reviewer: Reviewer, id: string, nowMs: number): Promise<VersionOf> {
  const found = await reviewable(db, reviewer, id);
  const until = nowMs + MARKET_LIMITS.claimMs;
  if (await claimVersion(db, id, { reviewerId: reviewer.userId, until }, nowMs)) return await findOrThrow(db, id);
  if (REVIEWED.includes(found.version.state))
    throw new PorchlightError("version_state", "Another reviewer has this version on their desk.");
  throw new PorchlightError("version_state");
}

/**
 * A reviewer's word on a version on their desk. An official one is published once two different reviewers approved; nobody decides of
 * their own. Throws PorchlightError.
 */
export async function decide(
  { db, env, nowMs }: { db: Database; env: EdgeBindings; nowMs: number },
  reviewer: Reviewer,
  id: string,
  { decision, words }: { decision: Decision; words: string },
): Promise<VersionOf> {
  const { version } = await reviewable(db, reviewer, id);
  if (version.claimedBy !== reviewer.userId || (version.claimedUntil ?? 0) < nowMs)
    throw new PorchlightError("version_state", "Take the version onto your desk first.");
  if (stateAfter(version.state, decision) === undefined) throw new PorchlightError("version_state");
  if (decision === "approve") await requireMarket(db, env);
  if (decision === "approve" || decision === "reject") {
    const review = {
      versionId: id,
      reviewerId: reviewer.userId,
      reviewerName: reviewer.userName,
      decision,
      words,
      at: nowMs,
    };
    if (!(await putReview(db, review, version.stateAt)) && decision === "approve")
      throw new PorchlightError(
        "version_state",
        "You have approved this version already. Another reviewer has to as well.",
      );
  }
  const put = { nowMs, words, claimedBy: null, claimedUntil: null };
  if (decision !== "approve") await move(db, id, decision, put);
  else if ((await countApprovals(db, id, version.stateAt)) < (version.official ? APPROVALS.official : APPROVALS.other))
    await claimVersion(db, id, { reviewerId: reviewer.userId, until: 0 }, nowMs);
  else await move(db, id, "approve", { ...put, publishedAt: nowMs });
  return await findOrThrow(db, id);
}

/** Takes a version back from everybody who has it. */
export async function revoke(
  db: Database,
  id: string,
  { reason, words }: { reason: RevocationReason; words: string },
  nowMs: number,
): Promise<VersionOf> {
  const { version } = await findOrThrow(db, id);
  if (stateAfter(version.state, "revoke") === undefined) throw new PorchlightError("version_state");
  const { name, entry, files } = parseManifest(JSON.parse(version.manifest));
  // Listed before it is moved: if this stops between the two, it stops too much.
  await putRevocation(db, { hash: version.hash, name, version: version.version, reason, words, at: nowMs });
  await move(db, id, "revoke", { nowMs, words });
  const code = files.find(({ path }) => path === entry)?.sha256 ?? version.hash;
  // Whatever else has the same code.
  if (reason === "malware") {
    await markBad(db, [version.hash, code], `The code of ${name} ${version.version}`, nowMs);
    await putClawback(db, name, nowMs);
  }
  return await findOrThrow(db, id);
}

/** What is new in a version, against the last one that was published. */
export async function differenceWith(db: Database, packages: R2Bucket, { version }: VersionOf): Promise<Difference> {
  const before = await versionBefore(db, version.pluginSeq, version.id);
  const after = await contentOf(packages, version);
  if (after === undefined) throw new PorchlightError("not_found", "The package is not kept any more.");
  return differenceOf(before && (await contentOf(packages, before)), after);
}

async function contentOf(packages: R2Bucket, version: Version) {
  const object = (await packages.get(submissionName(version.id))) ?? (await packages.get(packageName(version.hash)));
  return object === null ? undefined : await readPackage(new Uint8Array(await object.arrayBuffer()));
}

async function move(
  db: Database,
  id: string,
  event: VersionEvent,
  put: Parameters<typeof moveVersion>[3],
): Promise<void> {
  if ((await moveVersion(db, id, event, put)) === undefined) throw new PorchlightError("version_state");
}

async function findOrThrow(db: Database, id: string): Promise<VersionOf> {
  const found = await findVersion(db, id);
  if (found === undefined || found.version.state === "draft")
    throw new PorchlightError("not_found", "There is no such version.");
  return found;
}

/** A version that this reviewer may decide of. Throws `forbidden` for their own. */
async function reviewable(db: Database, reviewer: Reviewer, id: string): Promise<VersionOf> {
  const found = await findOrThrow(db, id);
  const [publisher] = await db
    .select({ userId: marketPublishers.userId })
    .from(marketPublishers)
    .where(eq(marketPublishers.id, found.publisherId))
    .limit(1);
  if ([found.version.submittedBy, publisher?.userId].includes(reviewer.userId))
    throw new PorchlightError("forbidden", "Nobody reviews their own plugins.");
  return found;
}

import type { ListedVersion } from "../../../../shared/market/version-list.ts";
import type { Manifest } from "../../../../shared/plugin/manifest.ts";
import { compareVersions, isPrerelease } from "../../../../shared/plugin/version-order.ts";
import { isPaid } from "../../../market/money/entitlement.ts";
import type { Installed } from "../installed.ts";
import { beyond, isNothing } from "../permissions.ts";
import type { OfferReason } from "./update-state.ts";

/**
 * What a plugin could be updated to: the highest number above its own that is in the catalogue. Trials only where the installed one is
 * one; nothing that was withdrawn.
 */
export function newestAbove(version: string, listed: readonly ListedVersion[]): ListedVersion | undefined {
  return listed
    .filter((one) => one.yanked !== true && compareVersions(one.version, version) > 0)
    .filter((one) => isPrerelease(version) || !isPrerelease(one.version))
    .toSorted((one, other) => compareVersions(other.version, one.version))[0];
}

/** Why a version may not take the place of the installed one by itself; none: its person agreed to all of this before. */
export function reasonsAgainst(
  installed: Pick<Installed, "manifest" | "signer">,
  next: { manifest: Pick<Manifest, "permissions" | "price" | "runsOn">; signer: string },
): OfferReason[] {
  const [was, is] = [installed.manifest, next.manifest];
  const reasons: [OfferReason, boolean][] = [
    ["wants_more", !isNothing(beyond(is.permissions, was.permissions))],
    ["other_key", installed.signer !== next.signer],
    ["became_paid", isPaid(is) && !isPaid(was)],
    // What ran at home alone would be sent to the edge, or the other way round.
    ["runs_elsewhere", was.runsOn !== "both" && is.runsOn !== was.runsOn],
  ];
  return reasons.flatMap(([reason, holds]) => (holds ? [reason] : []));
}

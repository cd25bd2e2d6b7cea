import type { Permissions } from "../../../../shared/plugin/manifest.ts";
import type { Installed } from "../installed.ts";
import { carriedOver, together } from "../permissions.ts";
import type { Kept } from "./kept-table.ts";
import type { UpdateEntry, UpdateOffer, UpdateState } from "./update-state.ts";

/** How a plugin stands to its market, as its person sees it. */
export interface UpdateView
  extends Pick<UpdateState, "name" | "mode" | "origin" | "isYanked" | "checkedAtMs" | "problem"> {
  version: string;
  offer: ShownOffer | null;
  isRevoked: boolean;
  /** What one can go back to, the latest first. */
  kept: { version: string; hash: string; keptAtMs: number; isRevoked: boolean }[];
  /** The latest first. */
  entries: UpdateEntry[];
}

/** With what it would have by a yes: what is granted at this moment, and what it asks more. */
export interface ShownOffer extends UpdateOffer {
  permissions: Permissions;
}

/** Of the installed one, with what is kept of it, the hashes that were taken back, and what was put in whose place. */
export function updateView(
  { name, mode, origin, isYanked, checkedAtMs, offer, problem }: UpdateState,
  {
    one,
    kept,
    revoked,
    entries,
  }: { one: Installed; kept: Kept[]; revoked: ReadonlySet<string>; entries: UpdateEntry[] },
): UpdateView {
  return {
    name,
    mode,
    origin,
    isYanked,
    checkedAtMs,
    offer: offer && { ...offer, permissions: together(carriedOver(one.permissions, offer.asks), offer.more) },
    problem,
    version: one.version,
    isRevoked: revoked.has(one.hash),
    kept: kept.map(({ one: { version, hash }, keptAtMs }) => ({
      version,
      hash,
      keptAtMs,
      isRevoked: revoked.has(hash),
    })),
    entries,
  };
}

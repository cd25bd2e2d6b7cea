/**
 * What becomes of a version of a plugin in the market. `rejected` and `revoked` are for ever: the next try has another number.
 */
export const VERSION_STATES = [
  "draft",
  "submitted",
  "validating",
  "scanning",
  "in_review",
  "published",
  "rejected",
  "quarantined",
  "yanked",
  "revoked",
] as const;
export type VersionState = (typeof VERSION_STATES)[number];

/**
 * What happens to a version. `submit`: its publisher hands it in. `validate`, `refuse`, `scan`, `suspect`, `clear`: the market's own
 * work. `approve`, `reject`, `release`, `quarantine`: a reviewer. `yank`, `restore`: its publisher or a reviewer; what is installed
 * goes on. `revoke`: a reviewer; what is installed stops.
 */
export const VERSION_EVENTS = [
  "submit",
  "validate",
  "refuse",
  "scan",
  "suspect",
  "clear",
  "approve",
  "reject",
  "release",
  "quarantine",
  "yank",
  "restore",
  "revoke",
] as const;
export type VersionEvent = (typeof VERSION_EVENTS)[number];

const MOVES: Readonly<Record<VersionState, Partial<Record<VersionEvent, VersionState>>>> = {
  draft: { submit: "submitted" },
  submitted: { validate: "validating" },
  validating: { refuse: "rejected", scan: "scanning" },
  scanning: { suspect: "quarantined", clear: "in_review" },
  in_review: { approve: "published", reject: "rejected", quarantine: "quarantined" },
  quarantined: { release: "in_review", reject: "rejected", revoke: "revoked" },
  published: { yank: "yanked", quarantine: "quarantined", revoke: "revoked" },
  yanked: { restore: "published", revoke: "revoked" },
  rejected: {},
  revoked: {},
};

/** The state after an event; undefined where that cannot happen. */
export function stateAfter(state: VersionState, event: VersionEvent): VersionState | undefined {
  return MOVES[state][event];
}

/** The states in which an event can happen. */
export function statesBefore(event: VersionEvent): VersionState[] {
  return VERSION_STATES.filter((state) => stateAfter(state, event) !== undefined);
}

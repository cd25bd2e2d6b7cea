/**
 * How much a finding weighs. `refuse`: the version is rejected without a person. `danger`: it is quarantined until a reviewer has
 * looked. `warning`: the reviewer sees it first. `note`: the reviewer may want to know.
 */
export const SEVERITIES = ["refuse", "danger", "warning", "note"] as const;
export type Severity = (typeof SEVERITIES)[number];

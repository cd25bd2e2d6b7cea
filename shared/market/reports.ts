/** Why somebody reports a plugin. */
export const REPORT_REASONS = ["malware", "privacy", "broken", "misleading", "copyright", "other"] as const;
export type ReportReason = (typeof REPORT_REASONS)[number];

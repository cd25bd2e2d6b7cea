/** What the market takes and how long it waits, each with its reason. */
export const MARKET_LIMITS = {
  /** Namespaces of one publisher: a firm and its products. */
  namespaces: 5,
  /** Keys of one publisher that are in use: a machine each. */
  keys: 10,
  /** Versions of one publisher that wait for the market: reviewers are few. */
  waiting: 20,
  /** Drafts of one publisher: each is a package in the bucket. */
  drafts: 20,
  /** A reviewer reads for at most this long before somebody else may take the version. */
  claimMs: 2 * 3600_000,
  /** Checks that end the isolate each time end up refused. */
  tries: 3,
  /** How long until a check that was lost with its isolate is begun again. */
  retryMs: 60_000,
  /** A rejected package stays for so long, for whoever asks again why. */
  rejectedMs: 30 * 24 * 3600_000,
  /** Different people whose open reports hide a plugin until a reviewer has looked. */
  reportsToHide: 3,
  /** Plugins on a page of the catalogue. */
  page: 24,
  /** Pages that are counted: further ones nobody turns to, and a scan costs what it passes. */
  pages: 500,
  queryCharacters: 100,
  /** Of a README that is kept for the plugin's page. */
  readmeBytes: 64 * 1024,
  /** Of anything that people write to each other here. */
  wordsCharacters: 4_000,
} as const;

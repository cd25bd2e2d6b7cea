/** What plugins of a person may cost, each with its reason. */
export const PLUGIN_LIMITS = {
  /** Installed, of one person: pages list them, a conversation offers their tools. */
  installed: 200,
  /** Entered by one person for one plugin. */
  secretCharacters: 4_096,
  /** Values of all of a household's plugins: an object's storage has room for more than this alone. */
  householdValueBytes: 512 * 1024 * 1024,
  /** Names of one plugin's values: what `list` hands out at most. */
  listedKeys: 1_000,
  keys: 100_000,
  /** Calls that are kept of one person, and for how long. */
  calls: 1_000,
  callsKeptMs: 30 * 24 * 3600_000,
  /** Of a call's input, result and log, each. */
  recordBytes: 64 * 1024,
  /** Calls of one person that are under way. */
  underWay: 8,
  /** Of one that may ask a model: a machine at home takes its time. */
  modelWallTimeMs: 180_000,
  /** Of a picked file, read by a plugin: as much as a line of the tunnel carries. */
  fileBytes: 8 * 1024 * 1024,
} as const;

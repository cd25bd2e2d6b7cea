/** What a package may weigh: a phone's connection brings it in seconds, and no machine notices its room. */
export const MOST_PACKAGE_BYTES = 20 * 1024 * 1024;
export const MOST_FILES = 2_000;
/** A manifest names every file with its hash: about 130 bytes each. */
export const MOST_MANIFEST_BYTES = 512 * 1024;
/** What a package's archive keeps of a path. */
export const MOST_PATH_CHARACTERS = 100;

/** What one plugin offers the model: more than these, and a model of a home machine no longer chooses well. */
export const MOST_TOOLS = 32;
export const MOST_SCHEMA_BYTES = 16 * 1024;

/** What one call may take. */
export const CALL_LIMITS = {
  inputBytes: 1024 * 1024,
  outputBytes: 1024 * 1024,
  /** Levels of arrays and objects in a result. */
  outputDepth: 128,
  wallTimeMs: 30_000,
  /** Uses of all of its capabilities together. */
  capabilityCalls: 1_000,
  fetches: 50,
  /** Of one response's body. */
  responseBytes: 8 * 1024 * 1024,
  requestBytes: 1024 * 1024,
  fetchTimeMs: 15_000,
  logLines: 100,
  logCharacters: 2_000,
} as const;

/** Storage: of one value, and the name it is kept under. */
export const MOST_VALUE_BYTES = 1024 * 1024;
export const MOST_KEY_CHARACTERS = 256;
/** What a manifest may ask for. */
export const MOST_STORAGE_BYTES = 256 * 1024 * 1024;

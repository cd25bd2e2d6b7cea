/** What a file of conversations may cost to read, each with its reason. */
export const IMPORT_LIMITS = {
  /** One conversation as JSON: it is held as bytes, text and tree at once. The longest known are a tenth of it. */
  entryBytes: 48 * 1024 * 1024,
  /** Nesting within one: exports come to about fifteen. */
  depth: 128,
  /** Of a compressed file when it is unpacked: nobody has written more, and a bomb must end. */
  unpackedBytes: 8 * 1024 * 1024 * 1024,
  /** Unpacked bytes for each byte of the zip, past the first megabytes: JSON comes to ten or twenty, a bomb to a thousand. */
  ratio: 300,
  ratioFromBytes: 32 * 1024 * 1024,
  /** The list of what a zip holds, which is read at once: a hundred thousand attachments need a tenth of it. */
  directoryBytes: 64 * 1024 * 1024,
  /** A request with conversations: small enough that a slow line gets it through before it times out. */
  batchBytes: 1024 * 1024,
  /** Conversations of a request: each is a write in the account's object. */
  batchSessions: 50,
  /** A request with one conversation that is larger: it comes in whole or not at all, and a Worker has 128 MiB for all. */
  bodyBytes: 16 * 1024 * 1024,
  /** Of the id that a conversation had elsewhere. */
  sourceIdCharacters: 200,
} as const;

/** What a mounted server may cost, each with its reason. */
export const MOUNT_LIMITS = {
  /** Tools of one server: a model of a home machine chooses badly among more. */
  tools: 128,
  /** Answers of `tools/list`: a server whose cursors never end is cut off. */
  pages: 16,
  descriptionCharacters: 2_000,
  /** Of one tool's schema, after what the host does not check was left out. */
  schemaBytes: 16 * 1024,
  schemaDepth: 8,
  /** Of one result, pictures included. */
  resultBytes: 1024 * 1024,
  connectMs: 20_000,
  listMs: 20_000,
  callMs: 120_000,
  /** A process that nobody called for so long is ended. */
  idleMs: 5 * 60_000,
  /** Commands that one machine has. */
  servers: 32,
  /** One message of a server's. */
  messageBytes: 4 * 1024 * 1024,
} as const;

/** What people call a mounted server: a part of its tools' names. */
export const SERVER_NAME = /^[a-z][a-z0-9-]{0,23}$/;

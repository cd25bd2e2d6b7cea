/** OAuth for clients of MCP, each with its reason. */
export const OAUTH_LIMITS = {
  /** A browser brings the code to the client, which exchanges it at once. */
  codeMs: 60_000,
  /** How long a used code is remembered, to notice that it is shown again. */
  usedCodeMs: 24 * 3600_000,
  /** A stolen access token is worth no more than this. */
  accessMs: 3600_000,
  /** A client that was not used for so long asks its person again. */
  refreshMs: 60 * 24 * 3600_000,
  secretBytes: 32,
  /** A program that registered and was let in by nobody. */
  newClientMs: 24 * 3600_000,
  /** One that was: as long as its tokens may live, and longer, because clients keep their ids. */
  clientMs: 180 * 24 * 3600_000,
  /** Programs that wait to be let in, from anywhere: more than that, and the oldest make room. */
  newClients: 1_000,
  registrationBytes: 16 * 1024,
  redirectUris: 10,
  redirectCharacters: 1_024,
  nameCharacters: 100,
  /** RFC 6749 says nothing; clients send some dozens. */
  stateCharacters: 2_048,
  scopeCharacters: 512,
  /** Programs that one person has let in. */
  grantsPerPerson: 100,
  /** A client's own document (client id metadata). */
  documentBytes: 16 * 1024,
  documentMs: 5_000,
} as const;

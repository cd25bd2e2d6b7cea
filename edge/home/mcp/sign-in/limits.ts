/** Signing in at mounted servers, each with its reason. */
export const SIGN_IN_LIMITS = {
  /** People read a page, look for a password. */
  pendingMs: 15 * 60_000,
  /** Of one metadata document or answer about tokens. */
  documentBytes: 256 * 1024,
  requestMs: 15_000,
  /** A token is exchanged for another before it ends on the way. */
  earlyMs: 60_000,
  stateBytes: 24,
  /** Of the address of a page to sign in at: with all scopes in it, and what browsers still take. */
  pageCharacters: 8_192,
  /** Servers that one person has signed in at, mounted or not. */
  servers: 32,
} as const;

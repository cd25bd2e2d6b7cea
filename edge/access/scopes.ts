/**
 * What an API key is for; never more than its person may do. A route that names no scope in the access table needs `admin`. As in
 * OAuth, several are written in one string with spaces between.
 */
export const SCOPES = [
  "inference",
  "sessions",
  "models:read",
  "agents:read",
  "usage:read",
  "plugins",
  "publish",
  "admin",
] as const;
export type Scope = (typeof SCOPES)[number];

/** Whether a key with `granted` may do what any of `needed` lets one do. `admin` may do all that its person may. */
export function allowsScope(granted: readonly Scope[], needed: readonly Scope[]): boolean {
  return granted.includes("admin") || needed.some((scope) => granted.includes(scope));
}

/** The scopes of a stored string. What is not known any more grants nothing. */
export function parseScopes(text: string): Scope[] {
  const words = text.split(" ");
  return SCOPES.filter((scope) => words.includes(scope));
}

/**
 * What people of a household may do, from least to most: a viewer reads and chats with the models there are, a member also makes
 * keys of their own, the owner does everything.
 */
export const ROLES = ["viewer", "member", "owner"] as const;
export type Role = (typeof ROLES)[number];

/** What an API key may do at most; never more than the person whose key it is. */
export const SCOPES = ["inference", "owner"] as const;
export type Scope = (typeof SCOPES)[number];

/** Whether `role` may do what `needed` may. */
export function hasRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** What a key may do: as much as its scope and its person's role allow both. */
export function roleOfKey(scope: Scope, role: Role): Role {
  if (scope === "owner") return role;
  return "viewer";
}

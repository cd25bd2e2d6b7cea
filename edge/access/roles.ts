/**
 * What people of a household may do, from least to most: a viewer reads and chats with the models there are, a member also makes
 * keys of their own, the owner does everything.
 */
export const ROLES = ["viewer", "member", "owner"] as const;
export type Role = (typeof ROLES)[number];

/** Whether `role` may do what `needed` may. */
export function hasRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

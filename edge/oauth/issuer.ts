import type { Context } from "hono";
import type { AppEnv } from "../env.ts";
import { originOf } from "../origin.ts";

/**
 * This edge as an authorization server. On this machine it is http://localhost, however it is asked: there passkeys work and cookies
 * are (see middleware/localhost.ts).
 */
export function issuerOf(c: Context<AppEnv>): string {
  const origin = new URL(originOf(c));
  if (origin.protocol === "http:" && (origin.hostname === "127.0.0.1" || origin.hostname === "[::1]"))
    origin.hostname = "localhost";
  return origin.origin;
}

/** Whom tokens are for (RFC 8707): `/mcp` of this edge. */
export function audienceOf(c: Context<AppEnv>): string {
  return `${issuerOf(c)}/mcp`;
}

/** Whether a client's word for the resource means `/mcp` here. On this machine, by whichever of its names. */
export function isAudience(c: Context<AppEnv>, resource: string): boolean {
  return resource === audienceOf(c) || resource === `${originOf(c)}/mcp` || isLocalAlias(audienceOf(c), resource);
}

function isLocalAlias(audience: string, resource: string): boolean {
  const [ours, theirs] = [URL.parse(audience), URL.parse(resource)];
  if (ours === null || theirs === null || ours.protocol !== "http:") return false;
  if (theirs.hostname === "127.0.0.1" || theirs.hostname === "[::1]") theirs.hostname = "localhost";
  return theirs.href === ours.href;
}

import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { AppEnv } from "../env.ts";
import { originOf } from "../origin.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";

const NAME = "porchlight";
/** With this prefix browsers take the cookie from its own https origin only, never from a sibling domain. */
const SECURE_NAME = `__Host-${NAME}`;

/** The session's id that the browser sent, if any. */
export function readSessionCookie(c: Context<AppEnv>): string | undefined {
  return getCookie(c, cookieName(c));
}

/** Only http on this machine goes without `Secure` and the prefix, which needs it. Throws `forbidden` on other plain http. */
export function writeSessionCookie(c: Context<AppEnv>, id: string): void {
  originOf(c);
  setCookie(c, cookieName(c), id, { ...attributes(c), maxAge: CREDENTIAL_LIMITS.sessionMs / 1000 });
}

export function clearSessionCookie(c: Context<AppEnv>): void {
  deleteCookie(c, cookieName(c), attributes(c));
}

function cookieName(c: Context<AppEnv>): string {
  return isSecure(c) ? SECURE_NAME : NAME;
}

function attributes(c: Context<AppEnv>) {
  return { path: "/", httpOnly: true, sameSite: "Lax", secure: isSecure(c) } as const;
}

function isSecure(c: Context<AppEnv>): boolean {
  return (c.env.PUBLIC_ORIGIN || c.req.url).startsWith("https:");
}

import type { Context } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";

/** Whom passkeys are made for: the host name they are bound to, and the one origin that may use them. */
export interface RelyingParty {
  id: string;
  origin: string;
}

/**
 * From PUBLIC_ORIGIN alone; without it, only `http://localhost`, a name that nobody can point elsewhere. What a Host header says is
 * never believed. Throws `origin_not_configured`.
 */
export function relyingParty(c: Context<AppEnv>): RelyingParty {
  const configured = c.env.PUBLIC_ORIGIN;
  const url = new URL(configured === "" ? c.req.url : configured);
  const isLocal = url.hostname === "localhost";
  if (!isLocal && (configured === "" || url.protocol !== "https:")) throw new PorchlightError("origin_not_configured");
  return { id: url.hostname, origin: url.origin };
}

/** Whether this edge can take passkeys at the address it was asked at. */
export function hasRelyingParty(c: Context<AppEnv>): boolean {
  try {
    relyingParty(c);
    return true;
  } catch (error) {
    if (error instanceof PorchlightError && error.code === "origin_not_configured") return false;
    throw error;
  }
}

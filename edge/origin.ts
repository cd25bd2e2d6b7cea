import type { Context } from "hono";
import { PorchlightError } from "../shared/errors.ts";
import type { AppEnv } from "./env.ts";

const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * The origin that links, signatures and cookies of this edge belong to: PUBLIC_ORIGIN where it is set. Otherwise the request's own,
 * but only over https or on this machine: a plain-http Host header is whatever its sender (or a rebound DNS name) says.
 */
export function originOf(c: Context<AppEnv>): string {
  if (c.env.PUBLIC_ORIGIN !== "") return new URL(c.env.PUBLIC_ORIGIN).origin;
  const url = new URL(c.req.url);
  if (url.protocol === "https:" || isLocal(url)) return url.origin;
  throw new PorchlightError(
    "forbidden",
    "This edge is reached over plain http from another machine. Use https, or set PUBLIC_ORIGIN.",
  );
}

/** The same for showing only: where it is not known for sure, what the client itself believes. */
export function shownOrigin(c: Context<AppEnv>): string {
  return new URL(c.env.PUBLIC_ORIGIN || c.req.url).origin;
}

/** Whether the address names this very machine. */
export function isLocal(url: URL): boolean {
  return LOCAL_HOSTS.has(url.hostname);
}

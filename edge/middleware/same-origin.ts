import type { Context } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { originOf } from "../origin.ts";

const SAFE_METHODS = new Set(["GET", "HEAD"]);

/**
 * Refuses a request that changes something with a cookie's authority unless a page of this very origin sent it: exact `Origin`, and
 * `Sec-Fetch-Site: same-origin`, which scripts cannot set.
 */
export function requireSameOrigin(c: Context<AppEnv>): void {
  if (SAFE_METHODS.has(c.req.method)) return;
  if (c.req.header("origin") === originOf(c) && c.req.header("sec-fetch-site") === "same-origin") return;
  throw new PorchlightError(
    "forbidden",
    "A browser session may do that only from this edge's own pages. Programs use an API key.",
  );
}

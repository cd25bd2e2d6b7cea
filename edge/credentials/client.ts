import type { Context } from "hono";
import type { AppEnv } from "../env.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";

/** Where a request comes from, for lists and for counting: neither is ever believed to say who it is. */
export interface Client {
  address: string;
  userAgent: string;
}

/**
 * Cloudflare sets this header to the address that it saw, whatever a visitor sent. On a machine of one's own nothing does, and anybody
 * could: there the header has a name that only the edge's own front knows (VISITOR_HEADER). Empty for who comes past the front.
 */
const CLOUDFLARE_HEADER = "cf-connecting-ip";

export function clientOf(c: Context<AppEnv>): Client {
  return {
    address: (c.req.header(c.env.VISITOR_HEADER ?? CLOUDFLARE_HEADER) ?? "").slice(0, 45),
    userAgent: (c.req.header("user-agent") ?? "").slice(0, CREDENTIAL_LIMITS.userAgentCharacters),
  };
}

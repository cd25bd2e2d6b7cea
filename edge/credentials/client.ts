import type { Context } from "hono";
import type { AppEnv } from "../env.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";

/** Where a request comes from, for lists and for counting: neither is ever believed to say who it is. */
export interface Client {
  address: string;
  userAgent: string;
}

/**
 * The address that Cloudflare saw; empty on one's own machine, where nothing sets it. Behind a proxy of one's own the header must be
 * set by the proxy: then whoever can reach the edge past it can claim any address.
 */
export function clientOf(c: Context<AppEnv>): Client {
  return {
    address: (c.req.header("cf-connecting-ip") ?? "").slice(0, 45),
    userAgent: (c.req.header("user-agent") ?? "").slice(0, CREDENTIAL_LIMITS.userAgentCharacters),
  };
}

/** What is counted as one visitor: an IPv4 address, or the /64 network that one IPv6 connection has to itself. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":");
}

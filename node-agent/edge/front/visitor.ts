import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { BlockList, isIP, isIPv4 } from "node:net";

/** A header name that nobody can guess: by it the Worker knows that the front, and no visitor, says where a request comes from. */
export function newVisitorHeader(): string {
  return `porchlight-visitor-${randomBytes(16).toString("hex")}`;
}

/** What a visitor may not say to the Worker: addresses of proxies, and what Cloudflare's or Miniflare's own machinery would say. */
const PROXY_HEADERS =
  /^(?:x-forwarded(?:-.+)?|forwarded|x-real-ip|true-client-ip|x-client-ip|cf-.+|mf-.+|porchlight-visitor.*)$/;

/**
 * Takes off `request` what a visitor could have made up about where it comes from, and says under `header` what is true: the socket's
 * address, or, where that is a trusted proxy's, the one in X-Forwarded-For that the outermost trusted proxy added.
 */
export function markVisitor(request: IncomingMessage, header: string, trusted: BlockList | undefined): void {
  const visitor = visitorOf(request, trusted);
  for (const name of Object.keys(request.headers)) if (PROXY_HEADERS.test(name)) delete request.headers[name];
  request.headers[header] = visitor;
}

/** The visitor's address; empty for a socket that is gone. */
export function visitorOf(request: IncomingMessage, trusted: BlockList | undefined): string {
  let visitor = plainAddress(request.socket.remoteAddress ?? "");
  const hops = trusted === undefined ? [] : forwardedFor(request);
  // Each proxy appends the address it saw. From the right: what a trusted one appended is true, and everything left of that is hearsay.
  while (hops.length > 0 && isTrusted(visitor, trusted)) {
    const claimed = plainAddress(hops.pop()?.trim() ?? "");
    if (isIP(claimed) === 0) break;
    visitor = claimed;
  }
  return visitor;
}

/** Node joins repeated headers of this name with commas, in their order. */
function forwardedFor(request: IncomingMessage): string[] {
  const value = request.headers["x-forwarded-for"];
  return typeof value === "string" ? value.split(",") : (value ?? []);
}

export function isTrusted(address: string, trusted: BlockList | undefined): boolean {
  const family = isIP(address);
  return family !== 0 && (trusted?.check(address, family === 4 ? "ipv4" : "ipv6") ?? false);
}

/** Without the IPv6 clothes of an IPv4 address, a zone, or the port and brackets that some proxies add. */
export function plainAddress(text: string): string {
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? [];
  const [, withoutPort] = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text) ?? [];
  const address = (bracketed ?? withoutPort ?? text).replace(/%.*$/, "");
  const mapped = address.toLowerCase().startsWith("::ffff:") ? address.slice(7) : "";
  return isIPv4(mapped) ? mapped : address;
}

/** Addresses and networks of proxies, such as `127.0.0.1` or `10.0.0.0/8,fd00::/8`; undefined where one is neither. */
export function parseTrusted(text: string): BlockList | undefined {
  const trusted = new BlockList();
  for (const part of text.split(",").map((piece) => piece.trim())) {
    const [address = "", bits, ...more] = part.split("/");
    const family = isIP(address);
    const width = family === 4 ? 32 : 128;
    if (family === 0 || more.length > 0) return undefined;
    if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > width)) return undefined;
    trusted.addSubnet(address, Number(bits ?? width), family === 4 ? "ipv4" : "ipv6");
  }
  return trusted;
}

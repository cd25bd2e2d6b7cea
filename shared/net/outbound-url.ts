import { isPublicAddress } from "./public-address.ts";
import { parseIpv4 } from "./ip-address.ts";

/** A host of one's own network that requests may go to although it is not public; without a port: on any. */
export interface AllowedHost {
  host: string;
  port: string | undefined;
}

/** Why an address is not one to send to. */
export type UrlRefusal = "not_a_url" | "too_long" | "scheme" | "credentials" | "port" | "private_host";

const MOST_CHARACTERS = 2048;
/** Names that mean a machine nearby, whatever a resolver says (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, and common habit). */
const LOCAL_NAMES = /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|private|corp|home|lan|home\.arpa)$/;
const LOWEST_FREE_PORT = 1024;

/**
 * Judges the address of a request that somebody else has named: https to a public host, on port 443 or above 1023. Hosts that the
 * owner of this edge allows may be private and without TLS. A name that looks public may still lead anywhere: whoever connects looks
 * at the addresses it resolves to.
 */
export function judgeUrl(text: string, allowed: readonly AllowedHost[]): { url: URL } | { refusal: UrlRefusal } {
  if (text.length > MOST_CHARACTERS) return { refusal: "too_long" };
  const url = URL.parse(text);
  if (url === null) return { refusal: "not_a_url" };
  if (url.username !== "" || url.password !== "") return { refusal: "credentials" };
  const isAllowed = allowsHost(allowed, url);
  if (url.protocol !== "https:" && !(isAllowed && url.protocol === "http:")) return { refusal: "scheme" };
  if (isAllowed) return { url };
  if (url.port !== "" && Number(url.port) < LOWEST_FREE_PORT) return { refusal: "port" };
  return isPublicHost(url) ? { url } : { refusal: "private_host" };
}

/** Whether a URL's host is on the list. */
export function allowsHost(allowed: readonly AllowedHost[], url: URL): boolean {
  const name = hostOf(url);
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return allowed.some((one) => one.host === name && (one.port === undefined || one.port === port));
}

/** Host of a URL as resolvers take it: no brackets, no dot at the end. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

/**
 * A list such as `nas.local, 192.168.1.20:8123, [fd00::20]:80`, with commas or spaces between. Throws RangeError for what is no host.
 */
export function parseAllowedHosts(text: string): AllowedHost[] {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== "");
  return entries.map((entry) => {
    const url = URL.parse(`http://${entry}/`);
    if (
      url === null ||
      url.username !== "" ||
      url.pathname !== "/" ||
      !/^(?:\[[0-9a-f:.]+\]|[^:/?#]+)(?::\d+)?$/i.test(entry)
    ) {
      throw new RangeError(
        `'${entry}' is no host. Write a name or an address, with a port behind a colon if you like.`,
      );
    }
    // A URL drops port 80 as its scheme's own.
    return { host: hostOf(url), port: /:(\d+)$/.exec(entry.replace(/^\[.*\]/, ""))?.[1] };
  });
}

/** The host part alone: addresses by their range, names by what they are for. */
function isPublicHost(url: URL): boolean {
  const host = hostOf(url);
  if (host.includes(":") || parseIpv4(host) !== undefined) return isPublicAddress(host);
  return host.includes(".") && !LOCAL_NAMES.test(host);
}

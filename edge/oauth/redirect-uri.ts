import { OAUTH_LIMITS } from "./limits.ts";

/** Schemes of addresses that a browser opens or runs itself: no app is behind them. */
const NO_APP =
  /^(?:about|blob|chrome|chrome-extension|data|edge|file|filesystem|ftp|http|https|intent|jar|javascript|mailto|moz-extension|ms-.*|resource|search-ms|sms|tel|vbscript|view-source|ws|wss)$/;
const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** Whom an address leads to: a web site, a program on the reader's own computer, or an app that opens such addresses. */
export type Place = { kind: "site"; host: string } | { kind: "computer" } | { kind: "app"; scheme: string };

/**
 * Whom a redirect URI leads to, or undefined for one that none may have: https without a name and password in it, http on the
 * computer itself (RFC 8252, section 7.3), or a scheme of an app's own (section 7.1). No fragment (RFC 6749, section 3.1.2).
 */
export function placeOf(uri: string): Place | undefined {
  if (uri.length > OAUTH_LIMITS.redirectCharacters || !/^[\x21-\x7e]+$/.test(uri) || uri.includes("#"))
    return undefined;
  const url = URL.parse(uri);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  if (url.protocol === "https:") return url.hostname === "" ? undefined : { kind: "site", host: url.host };
  if (url.protocol === "http:") return LOOPBACK.has(url.hostname) ? { kind: "computer" } : undefined;
  const scheme = url.protocol.slice(0, -1);
  return NO_APP.test(scheme) ? undefined : { kind: "app", scheme };
}

/** Whether a client that registered `known` may ask for `asked`: the same text; on the computer itself any port (RFC 8252, 7.3). */
export function allowsRedirect(known: readonly string[], asked: string): boolean {
  if (known.includes(asked)) return true;
  const without = withoutPort(asked);
  return without !== undefined && known.some((one) => withoutPort(one) === without);
}

/** Of an http address on the computer itself; undefined for any other. */
function withoutPort(uri: string): string | undefined {
  if (placeOf(uri)?.kind !== "computer") return undefined;
  const url = new URL(uri);
  url.port = "";
  return url.href;
}

/** `uri` with the fields of an answer behind it; what was in its query stays. */
export function withAnswer(uri: string, fields: Readonly<Record<string, string | undefined>>): string {
  const url = new URL(uri);
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) url.searchParams.append(name, value);
  return url.href;
}

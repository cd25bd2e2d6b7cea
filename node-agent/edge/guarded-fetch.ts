import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { Readable } from "node:stream";
import { type AllowedHost, allowsHost, hostOf, judgeUrl } from "../../shared/net/outbound-url.ts";
import { isPublicAddress } from "../../shared/net/public-address.ts";

/** Resolves a name to all of its addresses. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

export interface GuardOptions {
  /** Hosts of one's own network that may be reached although they are private. */
  allowed: readonly AllowedHost[];
  resolve?: Resolve;
}

/** Says that this guard, not the receiver, gave the answer; edge/webhooks/send.ts reads it. */
const REFUSED_HEADER = "porchlight-refused";
/** What a Worker may be told of an answer that has no body by its status. */
const NO_BODY = new Set([204, 205, 304]);

/** Where the Worker's connection ended: its own, not to be passed on. */
const HOP_HEADERS = /^(?:host|connection|transfer-encoding|content-length|keep-alive|upgrade|te|expect|cf-.*|mf-.*)$/i;

/**
 * What leaves the Worker of an edge on this machine: one request to a public address, or to a host that the owner allows. The name is
 * resolved once, every address it has is judged, and the connection goes to one of those that were judged: a name that means something
 * else a moment later gains nothing. It follows no redirect.
 */
export function guardedFetch({
  allowed,
  resolve = resolveBySystem,
}: GuardOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const judged = judgeUrl(request.url, allowed);
    if ("refusal" in judged) return refused("address");
    const { url } = judged;
    let addresses: LookupAddress[];
    try {
      addresses = await addressesOf(hostOf(url), resolve);
    } catch {
      return refused("unreachable"); // no such name, or no resolver that answers
    }
    const isPrivate = addresses.some(({ address }) => !isPublicAddress(address));
    if (addresses.length === 0) return refused("unreachable");
    if (isPrivate && !allowsHost(allowed, url)) return refused("address");
    try {
      return await send(request, url, addresses);
    } catch {
      return refused("unreachable"); // nobody listens there, TLS failed, or the connection broke
    }
  };
}

async function addressesOf(host: string, resolve: Resolve): Promise<LookupAddress[]> {
  const family = isIP(host);
  return family === 0 ? await resolve(host) : [{ address: host, family }];
}

async function resolveBySystem(hostname: string): Promise<LookupAddress[]> {
  return await new Promise((done, fail) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? fail(error) : done(addresses)));
  });
}

function refused(why: "address" | "unreachable"): Response {
  return new Response(null, { status: 502, headers: { [REFUSED_HEADER]: why } });
}

/** The request over a connection to one of these addresses, and no other. */
async function send(request: Request, url: URL, addresses: readonly LookupAddress[]): Promise<Response> {
  const body = new Uint8Array(await request.arrayBuffer());
  const headers = Object.fromEntries([...request.headers].filter(([name]) => !HOP_HEADERS.test(name)));
  return await new Promise((done, fail) => {
    const open = url.protocol === "https:" ? httpsRequest : httpRequest;
    const outgoing: ClientRequest = open(
      url,
      {
        method: request.method,
        headers: { ...headers, "content-length": body.length },
        agent: false, // no connection is used twice: each was judged for one request
        signal: request.signal,
        // Node asks for one or for all, as it likes; an address in the URL it does not look up at all.
        lookup: (_hostname, options, answer) => {
          const [first] = addresses;
          if (options.all === true) answer(null, [...addresses]);
          else answer(null, first?.address ?? "", first?.family);
        },
      },
      (incoming) => done(toResponse(incoming)),
    );
    outgoing.once("error", fail);
    outgoing.end(body);
  });
}

function toResponse(incoming: IncomingMessage): Response {
  const { statusCode = 502, headers } = incoming;
  const kept = new Headers();
  for (const name of ["content-type", "location", "retry-after", "mcp-session-id"]) {
    const value = headers[name];
    if (typeof value === "string") kept.set(name, value);
  }
  incoming.on("error", () => undefined); // Its reader sees it too.
  if (NO_BODY.has(statusCode)) {
    incoming.resume();
    return new Response(null, { status: statusCode, headers: kept });
  }
  return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status: statusCode, headers: kept }); // bytes: no encoding was set
}

import { z } from "zod";
import { concatBytes } from "../../bytes.ts";
import { judgeUrl } from "../../net/outbound-url.ts";
import { CALL_LIMITS } from "../limits.ts";
import { ANY_PUBLIC_HOST, HOST } from "../manifest.ts";
import type { Capability } from "./capability.ts";

const MOST_REDIRECTS = 5;
const requestSchema = z.strictObject({
  url: z.string().max(2048),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
  headers: z.record(z.string().max(100), z.string().max(8_000)).default({}),
});

/**
 * Requests to the hosts that the user granted, and no other, redirects included. `guarded` connects, and refuses what is not a public
 * address once the name is resolved (node-agent/edge/guarded-fetch.ts).
 */
export function fetchCapability(
  hosts: readonly string[],
  guarded: (request: Request) => Promise<Response>,
): Capability {
  let left: number = CALL_LIMITS.fetches;
  return async (argument, body) => {
    const { url: first, method, headers } = requestSchema.parse(argument);
    const signal = AbortSignal.timeout(CALL_LIMITS.fetchTimeMs);
    let url = requireGranted(first, hosts);
    for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
      if (--left < 0) throw new RangeError("This call has made as many requests as a call may.");
      const content = method === "GET" || method === "HEAD" ? null : body;
      const response = await guarded(new Request(url, { method, headers, body: content, signal, redirect: "manual" }));
      if (response.headers.has("porchlight-refused")) throw new Error(`${url.host} cannot be reached.`);
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || location === null) {
        const value = { url: url.href, status: response.status, headers: Object.fromEntries(response.headers) };
        return { value, bytes: await boundedBody(response) };
      }
      await response.body?.cancel();
      if (content !== null) throw new Error("A request with a body is not redirected. Send it to where it leads.");
      url = requireGranted(new URL(location, url).href, hosts);
    }
    throw new Error("There were too many redirects.");
  };
}

function requireGranted(text: string, hosts: readonly string[]): URL {
  const url = URL.parse(text);
  const isAny = hosts.includes(ANY_PUBLIC_HOST);
  // Names alone, and none that means a machine nearby: what a public name leads to, `guarded` looks at.
  const isGranted = isAny
    ? !("refusal" in judgeUrl(text, [])) && HOST.test(url?.hostname ?? "")
    : hosts.includes(url?.hostname ?? "");
  if (url === null || url.protocol !== "https:" || url.port !== "" || url.username !== "" || !isGranted) {
    const where = isAny ? "public hosts by their names, without a port" : hosts.join(", ");
    throw new Error(`Requests may go to https on ${where} alone.`);
  }
  return url;
}

async function boundedBody(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > CALL_LIMITS.responseBytes) throw new RangeError("The response is larger than a call may read.");
    parts.push(part);
  }
  return new Uint8Array(concatBytes(parts));
}

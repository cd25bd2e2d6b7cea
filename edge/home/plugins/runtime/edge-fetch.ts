import { judgeUrl } from "../../../../shared/net/outbound-url.ts";

/** As at home (node-agent/edge/guarded-fetch.ts): what a plugin sees of an answer's headers is the same in both places. */
const KEPT_HEADERS = ["content-type", "location", "retry-after"];

/** One request of a plugin's from Cloudflare's network, which reaches public addresses alone. It follows no redirect. */
export async function edgeFetch(request: Request): Promise<Response> {
  const refused = (why: string): Response =>
    new Response(null, { status: 502, headers: { "porchlight-refused": why } });
  if ("refusal" in judgeUrl(request.url, [])) return refused("address");
  try {
    const { status, headers, body } = await fetch(request);
    const kept = KEPT_HEADERS.flatMap((name): [string, string][] => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value]];
    });
    return new Response(body, { status, headers: kept });
  } catch {
    return refused("unreachable");
  }
}

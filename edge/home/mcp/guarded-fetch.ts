import { PorchlightError } from "../../../shared/errors.ts";
import { type AllowedHost, judgeUrl } from "../../../shared/net/outbound-url.ts";

export type GuardedFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/**
 * To public addresses alone, and nowhere else by a redirect; no more than `limitBytes` of an answer. An edge on one's own machine judges
 * the addresses that a name has once more, on its way out (node-agent/edge/guarded-fetch.ts). Throws PorchlightError `mcp_unreachable`.
 */
export function guardedFetch(allowed: readonly AllowedHost[], limitBytes: number, timeoutMs?: number): GuardedFetch {
  return async (url, init) => {
    if ("refusal" in judgeUrl(String(url), allowed)) throw new PorchlightError("mcp_unreachable");
    const signal = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { ...init, redirect: "manual", ...(signal === undefined ? {} : { signal }) });
    if (response.status >= 300 && response.status < 400) throw new PorchlightError("mcp_unreachable");
    return new Response(response.body?.pipeThrough(atMost(limitBytes)), response);
  };
}

function atMost(limitBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > limitBytes) controller.error(new PorchlightError("mcp_failed", "The server says too much."));
      else controller.enqueue(chunk);
    },
  });
}

import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { PorchlightError } from "../../../shared/errors.ts";
import { MOUNT_LIMITS } from "../../../shared/mcp/limits.ts";
import { MountedClient } from "../../../shared/mcp/mounted-client.ts";
import { type AllowedHost, judgeUrl } from "../../../shared/net/outbound-url.ts";
import { VERSION } from "../../version.ts";

/** Uses a server elsewhere over streamable HTTP, by a connection of its own. Throws PorchlightError `mcp_unreachable`, and what `use` throws. */
export async function useRemote<T>(
  { url, bearer, allowed }: { url: string; bearer: string | undefined; allowed: readonly AllowedHost[] },
  use: (client: MountedClient) => Promise<T>,
): Promise<T> {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: guarded(allowed),
    ...(bearer === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${bearer}` } } }),
    // It is over in a moment; what breaks is asked for anew.
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1,
      maxReconnectionDelay: 1,
      reconnectionDelayGrowFactor: 1,
    },
  });
  const client = await MountedClient.connect(transport, VERSION);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/**
 * To public addresses alone, and nowhere else by a redirect. An edge on one's own machine judges the addresses that a name has once more, on
 * its way out (node-agent/edge/guarded-fetch.ts).
 */
function guarded(allowed: readonly AllowedHost[]): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init) => {
    if ("refusal" in judgeUrl(String(url), allowed)) throw new PorchlightError("mcp_unreachable");
    const response = await fetch(url, { ...init, redirect: "manual" });
    if (response.status >= 300 && response.status < 400) throw new PorchlightError("mcp_unreachable");
    return new Response(response.body?.pipeThrough(atMost(MOUNT_LIMITS.messageBytes)), response);
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

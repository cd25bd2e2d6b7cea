import { InsufficientScopeError, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { PorchlightError } from "../../../shared/errors.ts";
import { MOUNT_LIMITS } from "../../../shared/mcp/limits.ts";
import { MountedClient } from "../../../shared/mcp/mounted-client.ts";
import type { AllowedHost } from "../../../shared/net/outbound-url.ts";
import { VERSION } from "../../version.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import type { ServerTokens } from "./sign-in/server-sign-ins.ts";

/** How a server knows who asks: by a secret that its person entered, or by tokens. */
export interface RemoteAccess {
  url: string;
  bearer: string | undefined;
  /** Where there is no secret. */
  tokens?: ServerTokens | undefined;
  allowed: readonly AllowedHost[];
}

/**
 * Uses a server elsewhere over streamable HTTP, by a connection of its own. Throws PorchlightError `mcp_unreachable`,
 * `mcp_sign_in_needed`, and what `use` throws.
 */
export async function useRemote<T>(
  { url, bearer, tokens, allowed }: RemoteAccess,
  use: (client: MountedClient) => Promise<T>,
): Promise<T> {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: guardedFetch(allowed, MOUNT_LIMITS.messageBytes),
    ...(bearer === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${bearer}` } } }),
    ...(bearer === undefined && tokens !== undefined ? { authProvider: tokens } : {}),
    // It is over in a moment; what breaks is asked for anew.
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1,
      maxReconnectionDelay: 1,
      reconnectionDelayGrowFactor: 1,
    },
  });
  try {
    const client = await MountedClient.connect(transport, VERSION);
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  } catch (error) {
    throw (await signInNeeded(error, tokens)) ?? error;
  }
}

/** Why a connection failed, where that is that its person must sign in: it comes wrapped in what the SDK makes of it. */
async function signInNeeded(error: unknown, tokens: ServerTokens | undefined): Promise<PorchlightError | undefined> {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PorchlightError && cause.code === "mcp_sign_in_needed") return cause;
    if (!(cause instanceof InsufficientScopeError) || tokens === undefined) continue;
    await tokens.needMore(cause.requiredScope);
    return new PorchlightError("mcp_sign_in_needed", undefined, { cause });
  }
  return undefined;
}

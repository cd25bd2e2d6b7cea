import { PorchlightError } from "../../shared/errors.ts";
import type { EdgeBindings } from "../env.ts";

const TIMEOUT_MS = 20_000;

/** The market that this edge takes plugins from; undefined: its own. Throws `market_not_ready` where MARKET_ORIGIN is no origin. */
export function followedMarket(env: Pick<EdgeBindings, "MARKET_ORIGIN" | "PUBLIC_ORIGIN">): string | undefined {
  if (env.MARKET_ORIGIN === undefined || env.MARKET_ORIGIN === "") return undefined;
  const url = URL.parse(env.MARKET_ORIGIN);
  const isLocal = url?.hostname === "localhost" || url?.hostname === "127.0.0.1";
  if (url === null || (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal)))
    throw new PorchlightError("market_not_ready", "MARKET_ORIGIN is no https origin. Whoever runs this edge sets it.");
  return url.origin === env.PUBLIC_ORIGIN ? undefined : url.origin;
}

/** Asks the followed market. Its word is held to its signatures by whoever uses it. Throws `market_unreadable`. */
export async function askMarket(origin: string, path: string): Promise<Response> {
  try {
    return await fetch(new URL(path, origin), {
      redirect: "manual",
      headers: { accept: "application/json, application/octet-stream" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    throw new PorchlightError("market_unreadable", "The market could not be reached. Try again.", { cause });
  }
}

/**
 * A file of the followed market as one's own: its bytes alone. What they are is said here, or another market could have this edge show
 * a page of its own. Throws PorchlightError.
 */
export async function passOn(origin: string, path: string): Promise<Response> {
  const answer = await askMarket(origin, path);
  if (answer.status === 404) throw new PorchlightError("not_found", "The market has no such file.");
  if (answer.status === 410) throw new PorchlightError("plugin_revoked");
  if (answer.status !== 200) throw new PorchlightError("market_unreadable");
  const isNamed = !path.endsWith("/timestamp.json");
  return new Response(answer.body, {
    headers: {
      "content-type": path.endsWith(".json") ? "application/json" : "application/x-tar",
      "cache-control": isNamed ? "public, max-age=31536000, immutable" : "no-cache",
    },
  });
}

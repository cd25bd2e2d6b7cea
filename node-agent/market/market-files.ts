import { PorchlightError } from "../../shared/errors.ts";
import type { TrustOptions } from "../../shared/market/tuf/client.ts";

const TIMEOUT_MS = 30_000;

/** How a client of the market at `origin` (a market, or an edge that follows one) fetches. Follows no redirect. */
export function marketFiles(origin: string): Pick<TrustOptions, "fetchMetadata" | "fetchTarget"> {
  return {
    fetchMetadata: async (file, mostBytes) => await fetchFile(new URL(`/api/market/tuf/${file}`, origin), mostBytes),
    fetchTarget: async (path, mostBytes) => await fetchFile(new URL(`/api/market/targets/${path}`, origin), mostBytes),
  };
}

/** At most one byte more than asked for, so that whoever asked can tell that there is too much. */
async function fetchFile(url: URL, mostBytes: number): Promise<Uint8Array | undefined> {
  try {
    const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok) throw new TypeError(`HTTP status ${response.status}`);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length > mostBytes) break; // Leaving the loop cancels the body.
    }
    return new Uint8Array(Buffer.concat(chunks));
  } catch (cause) {
    throw new PorchlightError("market_unreadable", `The market at ${url.origin} could not be reached.`, { cause });
  }
}

import { PorchlightError } from "../../shared/errors.ts";
import type { TrustOptions } from "../../shared/market/tuf/client.ts";

const TIMEOUT_MS = 30_000;

/** How a client of the market at `origin` (a market, or an edge that follows one) fetches. Follows no redirect. */
export function marketFiles(origin: string, signal?: AbortSignal): Pick<TrustOptions, "fetchMetadata" | "fetchTarget"> {
  const fetchFrom = async (path: string, mostBytes: number) =>
    await fetchFile(new URL(path, origin), mostBytes, signal);
  return {
    fetchMetadata: async (file, mostBytes) => await fetchFrom(`/api/market/tuf/${file}`, mostBytes),
    fetchTarget: async (path, mostBytes) => await fetchFrom(`/api/market/targets/${path}`, mostBytes),
  };
}

/** At most one byte more than asked for, so that whoever asked can tell that there is too much. */
async function fetchFile(url: URL, mostBytes: number, ended?: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    const late = AbortSignal.timeout(TIMEOUT_MS);
    const signal = ended === undefined ? late : AbortSignal.any([late, ended]);
    const response = await fetch(url, { redirect: "error", signal });
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

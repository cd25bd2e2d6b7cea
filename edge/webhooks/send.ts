import { type AllowedHost, judgeUrl } from "../../shared/net/outbound-url.ts";
import { VERSION } from "../version.ts";
import { WEBHOOK_LIMITS } from "./limits.ts";

/** What came of one try. */
export interface TryOutcome {
  ok: boolean;
  /** HTTP status, if there was an answer. */
  status: number | null;
  /** Why it failed; null where it did not. */
  failure: TryFailure | null;
}

export const TRY_FAILURES = ["refused", "redirect", "status", "timeout", "unreachable"] as const;
/** `refused`: the address is not one this edge sends to. */
export type TryFailure = (typeof TRY_FAILURES)[number];

/** Where this edge's own guard refused to connect it says so by this header: see node-agent/edge/guarded-fetch.ts. */
export const REFUSED_HEADER = "porchlight-refused";

export type SendWebhook = (url: string, headers: Record<string, string>, body: string) => Promise<TryOutcome>;

/**
 * Sends to addresses that anybody has named: see judgeUrl. It follows no redirect. The name may resolve to anywhere: Cloudflare's network
 * does not reach private addresses, and where this edge runs on a machine of one's own, its guard looks when it connects.
 */
export function webhookSender(
  allowed: readonly AllowedHost[],
  fetcher: typeof fetch = (input, init) => fetch(input, init),
): SendWebhook {
  return async (url, headers, body) => {
    const judged = judgeUrl(url, allowed);
    if ("refusal" in judged) return { ok: false, status: null, failure: "refused" };
    try {
      const response = await fetcher(judged.url.href, {
        method: "POST",
        headers: { ...headers, "user-agent": `Porchlight/${VERSION}` },
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(WEBHOOK_LIMITS.timeoutMs),
      });
      // Nothing of the answer but its status is wanted.
      await response.body?.cancel();
      return judge(response);
    } catch (error) {
      const isLate = error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
      return { ok: false, status: null, failure: isLate ? "timeout" : "unreachable" };
    }
  };
}

function judge({ status, headers }: Response): TryOutcome {
  const refusal = headers.get(REFUSED_HEADER);
  if (refusal !== null) return { ok: false, status: null, failure: refusal === "unreachable" ? refusal : "refused" };
  if (status >= 200 && status < 300) return { ok: true, status, failure: null };
  return { ok: false, status, failure: status >= 300 && status < 400 ? "redirect" : "status" };
}

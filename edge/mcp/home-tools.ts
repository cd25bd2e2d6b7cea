import type { Context } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import type { Account, AppEnv } from "../env.ts";
import { callerOf } from "../home/account-backend.ts";
import { homeOf } from "../home/backend.ts";
import { encodeToolCall, readOutcome } from "../home/mcp/tool-call.ts";
import type { OfferedTool } from "../home/plugins/tool-box.ts";
import { localeOf } from "../pages/preferences.ts";
import type { McpTools } from "./mcp-handler.ts";

/**
 * The name by which a client takes a call back: the key's or the person's, with the client's own names of its session and of the call.
 * Undefined where there is no session: ids of two clients are the same then, and each ends its calls by leaving.
 */
export function cancelKey(account: Account, session: string | undefined, id: string | number): string | undefined {
  if (session === undefined) return undefined;
  return JSON.stringify([callerOf(account).id, session, id]);
}

/** The tools of whoever asks, in their household's Home object. */
export function homeTools(c: Context<AppEnv>, account: Account, session: string | undefined): McpTools {
  const { userId, key } = account;
  const home = homeOf(c.env, account.id);
  return {
    // As text: what is of unknown types has none over a call of the object.
    offered: async () => JSON.parse(await home.offeredTools(userId)) as OfferedTool[], // The object made it of just these.
    async call({ tool, input, requestId, signal, onProgress }) {
      const name = cancelKey(account, session, requestId);
      const request = encodeToolCall(
        {
          id: `call_${crypto.randomUUID().replaceAll("-", "")}`,
          userId,
          tool,
          input,
          caller: { locale: localeOf(c) === "zh-CN" ? "zh-CN" : "en", timeZone: "UTC" },
          payer: { caller: callerOf(account), models: key?.models ?? null, priority: key?.priority ?? "normal" },
          ...(name === undefined ? {} : { cancelKey: name }),
        },
        signal,
      );
      try {
        return await readOutcome(await home.fetch(request), onProgress);
      } catch (error) {
        const { code, message } = signal.aborted
          ? new PorchlightError("cancelled")
          : PorchlightError.from(error instanceof PorchlightError ? error : new PorchlightError("edge_restarting"));
        return { ok: false, error: { code, message } };
      }
    },
  };
}

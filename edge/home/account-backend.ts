import type { Context } from "hono";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { NO_LIMITS } from "../credentials/key-grant.ts";
import type { AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { homeBackend, homeOf } from "./backend.ts";

/** What a Home object may say to the client. */
const PASSED_ON = /^(?:x-ratelimit-.+|x-should-retry|retry-after-ms)$/;

/** The machines of whoever asks, within what their key may use. */
export function accountBackend(c: Context<AppEnv>): InferenceBackend {
  const { id: accountId, userId, key } = accountOf(c);
  const caller = key
    ? { id: key.id, version: key.version, limits: key.limits }
    : { id: userId, version: 0, limits: NO_LIMITS };
  return homeBackend(homeOf(c.env, accountId), {
    requestId: c.var.requestId,
    caller,
    priority: key?.priority ?? "normal",
    models: key?.models ?? null,
    onHeaders: (headers) => {
      for (const [name, value] of headers) if (PASSED_ON.test(name)) c.header(name, value);
    },
  });
}

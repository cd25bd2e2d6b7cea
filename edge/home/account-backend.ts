import type { Context } from "hono";
import { z } from "zod";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { allowsScope } from "../access/scopes.ts";
import { type Caller, NO_LIMITS } from "../credentials/key-grant.ts";
import type { Account, AppEnv } from "../env.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { homeBackend, homeOf } from "./backend.ts";

/** A request's own word on failover; any other is none. */
const failoverSchema = z.enum(["on", "off"]).optional().catch(undefined);

/** What a Home object may say to the client. */
const PASSED_ON = /^(?:x-ratelimit-.+|x-should-retry|retry-after-ms)$/;

/** By whose limits somebody asks: their key's, or their own, which are none. */
export function callerOf({ userId, key }: Account): Caller {
  if (key === undefined) return { id: userId, version: 0, limits: NO_LIMITS };
  return { id: key.id, version: key.version, limits: key.limits };
}

/** The machines of whoever asks, within what their key may use. */
export function accountBackend(c: Context<AppEnv>): InferenceBackend {
  const account = accountOf(c);
  const { id: accountId, key } = account;
  return homeBackend(homeOf(c.env, accountId), {
    requestId: c.var.requestId,
    renew: () => homeOf(c.env, accountId),
    caller: callerOf(account),
    priority: key?.priority ?? "normal",
    models: key?.models ?? null,
    pluginsOf: key === undefined || allowsScope(key.scopes, ["plugins"]) ? account.userId : undefined,
    replay: failoverSchema.parse(c.req.header("porchlight-failover")),
    onHeaders: (headers) => {
      for (const [name, value] of headers) if (PASSED_ON.test(name)) c.header(name, value);
    },
  });
}

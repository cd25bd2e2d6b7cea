import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import { type Remote, remoteDesk } from "../desk-calls.ts";
import { HOOK_METHODS, type HookDesk, type HookMethod } from "./desk.ts";

/** Inbound webhooks of the people of an account, from the Worker. */
export function hooksOf(env: EdgeBindings, accountId: string): Remote<HookDesk, HookMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<HookDesk, HookMethod>(HOOK_METHODS, async (method, args) => await home.callHooks(method, args));
}

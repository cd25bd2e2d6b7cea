import type { EdgeBindings } from "../../../env.ts";
import { homeOf } from "../../backend.ts";
import { type Remote, remoteDesk } from "../../desk-calls.ts";
import { type PluginUpdates, UPDATE_METHODS, type UpdateMethod } from "./updates.ts";

/** Updates of the plugins of an account's people, from the Worker. */
export function pluginUpdatesOf(env: EdgeBindings, accountId: string): Remote<PluginUpdates, UpdateMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<PluginUpdates, UpdateMethod>(
    UPDATE_METHODS,
    async (method, args) => await home.callPluginUpdates(method, args),
  );
}

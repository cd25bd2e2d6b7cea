import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import { type Remote, remoteDesk } from "../desk-calls.ts";
import { PLUGIN_METHODS, type PluginDesk, type PluginMethod } from "./desk.ts";

/** Plugins of the people of an account, from the Worker. */
export function pluginsOf(env: EdgeBindings, accountId: string): Remote<PluginDesk, PluginMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<PluginDesk, PluginMethod>(
    PLUGIN_METHODS,
    async (method, args) => await home.callPlugins(method, args),
  );
}

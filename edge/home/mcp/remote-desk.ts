import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import { type Remote, remoteDesk } from "../desk-calls.ts";
import { MOUNT_METHODS, type MountDesk, type MountMethod } from "./desk.ts";

/** Servers of MCP that the people of an account have mounted, from the Worker. */
export function mountsOf(env: EdgeBindings, accountId: string): Remote<MountDesk, MountMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<MountDesk, MountMethod>(MOUNT_METHODS, async (method, args) => await home.callMounts(method, args));
}

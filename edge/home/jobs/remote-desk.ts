import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import { type Remote, remoteDesk } from "../desk-calls.ts";
import type { JobDesk } from "./desk.ts";
import { DESK_METHODS, type DeskMethod } from "./desk-calls.ts";

/** Jobs and webhooks of a household, from the Worker. */
export type RemoteDesk = Remote<JobDesk, DeskMethod>;

/** The desk of an account's Home object. */
export function jobsOf(env: EdgeBindings, accountId: string): RemoteDesk {
  const home = homeOf(env, accountId);
  return remoteDesk<JobDesk, DeskMethod>(DESK_METHODS, async (method, args) => await home.callJobs(method, args));
}

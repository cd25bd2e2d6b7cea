import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import type { JobDesk } from "./desk.ts";
import { DESK_METHODS, type DeskMethod } from "./desk-calls.ts";

/** Jobs and webhooks of a household, from the Worker. */
export type RemoteDesk = {
  [Method in DeskMethod]: (...args: Parameters<JobDesk[Method]>) => Promise<ReturnType<JobDesk[Method]>>;
};

/** The desk of an account's Home object. Only data crosses: an object of it would have to be disposed of after each call. */
export function jobsOf(env: EdgeBindings, accountId: string): RemoteDesk {
  const home = homeOf(env, accountId);
  const methods = DESK_METHODS.map((method) => [
    method,
    async (...args: unknown[]): Promise<unknown> => await home.callJobs(method, args),
  ]);
  return Object.fromEntries(methods) as RemoteDesk; // An entry for each name, with the types of JobDesk's own.
}

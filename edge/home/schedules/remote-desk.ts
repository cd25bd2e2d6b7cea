import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import { type Remote, remoteDesk } from "../desk-calls.ts";
import { SCHEDULE_METHODS, type ScheduleDesk, type ScheduleMethod } from "./desk.ts";

/** Scheduled prompts of an account, from the Worker. */
export function schedulesOf(env: EdgeBindings, accountId: string): Remote<ScheduleDesk, ScheduleMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<ScheduleDesk, ScheduleMethod>(
    SCHEDULE_METHODS,
    async (method, args) => await home.callSchedules(method, args),
  );
}

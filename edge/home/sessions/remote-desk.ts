import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import { type Remote, remoteDesk } from "../desk-calls.ts";
import { SESSION_METHODS, type SessionDesk, type SessionMethod } from "./desk.ts";

/** The conversations of an account, from the Worker. */
export function sessionsOf(env: EdgeBindings, accountId: string): Remote<SessionDesk, SessionMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<SessionDesk, SessionMethod>(
    SESSION_METHODS,
    async (method, args) => await home.callSessions(method, args),
  );
}

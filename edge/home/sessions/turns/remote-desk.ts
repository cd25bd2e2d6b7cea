import type { EdgeBindings } from "../../../env.ts";
import { homeOf } from "../../backend.ts";
import { type Remote, remoteDesk } from "../../desk-calls.ts";
import { TURN_METHODS, type TurnDesk, type TurnMethod } from "./desk.ts";

/** The turns of an account's conversations, from the Worker. */
export function turnsOf(env: EdgeBindings, accountId: string): Remote<TurnDesk, TurnMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<TurnDesk, TurnMethod>(TURN_METHODS, async (method, args) => await home.callTurns(method, args));
}

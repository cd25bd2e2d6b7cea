import type { KeptRecords } from "../../../shared/api/openai/kept/records.ts";
import type { Account, EdgeBindings } from "../../env.ts";
import { callerOf } from "../account-backend.ts";
import { homeOf } from "../backend.ts";
import { remoteDesk } from "../desk-calls.ts";
import { takeMade } from "../made.ts";
import { KEPT_METHODS, type KeptDesk, type KeptMethod } from "./desk.ts";

/** What a household's object keeps of a caller's conversations, from the Worker. */
export function keptRecordsOf(env: EdgeBindings, account: Account): KeptRecords {
  const home = homeOf(env, account.id);
  const desk = remoteDesk<KeptDesk, KeptMethod>(
    KEPT_METHODS,
    async (method, args) => await home.callKept(method, args),
  );
  const { id: callerId } = callerOf(account);
  return {
    get: async (id) => await desk.get(callerId, id),
    list: async (group) => await desk.list(callerId, group),
    put: async (group, records) => void takeMade(await desk.put(callerId, group, records)),
    delete: async (id) => await desk.delete(callerId, id),
  };
}

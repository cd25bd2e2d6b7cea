import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import { type Remote, remoteDesk } from "../desk-calls.ts";
import { BATCH_METHODS, type BatchDesk, type BatchMethod } from "./desk.ts";

/** Files and batches of an account, from the Worker. */
export function batchesOf(env: EdgeBindings, accountId: string): Remote<BatchDesk, BatchMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<BatchDesk, BatchMethod>(
    BATCH_METHODS,
    async (method, args) => await home.callBatches(method, args),
  );
}

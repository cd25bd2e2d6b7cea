import type { Priority } from "../../../shared/inference/request.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import { NO_LIMITS } from "../../credentials/key-grant.ts";
import { grantOf } from "../../credentials/stored-grant.ts";
import { findKeyInUse } from "../../store/api-keys.ts";
import type { Database } from "../../store/database.ts";
import { findUser } from "../../store/users.ts";
import type { ScheduleOwner } from "./schedule.ts";

/** What a schedule may use now. */
export interface Permit {
  caller: Caller;
  /** Null: every model. */
  models: readonly string[] | null;
  /** The highest one. */
  priority: Priority;
}

/** Looks up what a schedule may use: nobody is there to show a credential. Rejects where it cannot be looked up now. */
export type FindPermit = (owner: ScheduleOwner) => Promise<Permit | "person_gone" | "key_revoked">;

/** By the database, as it is at this moment: a key's limits, and whether there is the person, and the key, at all. */
export function databasePermits(db: () => Database, now: () => number = Date.now): FindPermit {
  return async ({ userId, keyId }) => {
    if (keyId === null) {
      const person = await findUser(db(), userId);
      if (person === undefined) return "person_gone";
      return { caller: { id: userId, version: 0, limits: NO_LIMITS }, models: null, priority: "high" };
    }
    const key = await findKeyInUse(db(), keyId, now());
    if (key === undefined) return (await findUser(db(), userId)) === undefined ? "person_gone" : "key_revoked";
    const { id, version, limits, models, priority } = grantOf(key);
    return { caller: { id, version, limits }, models, priority };
  };
}

import { unknownModel } from "../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { allowsScope } from "../access/scopes.ts";
import { allowsModel } from "../credentials/key-grant.ts";
import type { Account } from "../env.ts";
import type { SchedulePlan } from "../home/schedules/schedule.ts";

/** Refuses what a caller's key may not use: a model, or its person's sessions. */
export function requireUse(
  { key }: Account,
  { model, toSession }: Partial<Pick<SchedulePlan, "model" | "toSession">>,
): void {
  if (key === undefined) return;
  if (model !== undefined && !allowsModel(key.models, model)) throw unknownModel(model);
  if (toSession === true && !allowsScope(key.scopes, ["sessions"])) {
    throw new PorchlightError(
      "forbidden",
      "This key is not for sessions: send answers to a webhook, or use another key.",
      {
        param: "toSession",
      },
    );
  }
}

import { unknownModel } from "../../../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import type { ModelInfo } from "../../../../shared/inference/model.ts";
import { allowsModel } from "../../../credentials/key-grant.ts";

type Known = ModelInfo & { online: boolean };

/** What a conversation needs to know of its model. */
export type TurnModel = Pick<ModelInfo, "name" | "contextLength" | "parameters">;

/**
 * The model that answers: the one that was chosen; else the one that answered before, if a machine that has it is online; else one that
 * is, loaded ones first. Throws `model_not_found` for what the caller may not use, `agent_offline` where nobody chose and none is online.
 */
export function modelOfTurn(
  known: readonly Known[],
  choice: { chosen: string | undefined; former: string | undefined; allowed: readonly string[] | null },
): TurnModel {
  const { chosen, former, allowed } = choice;
  if (chosen !== undefined && !allowsModel(allowed, chosen)) throw unknownModel(chosen);
  const usable = known.filter(({ task, name }) => task === "generate" && allowsModel(allowed, name));
  const online = usable.filter((model) => model.online);
  const name =
    chosen ?? (online.find((model) => model.name === former) ?? online.find(({ loaded }) => loaded) ?? online[0])?.name;
  if (name === undefined) throw new PorchlightError("agent_offline");
  return modelNamed(known, name);
}

/** A model by its name: of several machines that have it, as it is where its context is the largest; one that is online comes first. */
export function modelNamed(known: readonly Known[], name: string): TurnModel {
  const named = known.filter((model) => model.name === name && model.task === "generate");
  const online = named.filter((model) => model.online);
  const [best] = (online.length > 0 ? online : named).toSorted((a, b) => b.contextLength - a.contextLength);
  // Nobody has it: whoever starts the run says so.
  return best ?? { name, contextLength: 8_192, parameters: 0 };
}

import type { ModelInfo } from "../../../../shared/inference/model.ts";
import type { GenerateRequest, Priority } from "../../../../shared/inference/request.ts";
import type { Caller } from "../../../credentials/key-grant.ts";
import type { RoundsPlan } from "../../runs/rounds.ts";

/** A generation for a conversation. */
export interface TurnRun {
  id: string;
  owner: "turn" | "summary";
  caller: Caller;
  priority: Priority;
  note: string;
  request: GenerateRequest;
  /** Where its model may call tools. */
  rounds?: RoundsPlan;
  /** Called in the step in which it starts. */
  onStarted?: () => void;
}

/** The household's machines, as conversations know them. What a run comes to is told to `TurnDesk.ended`. */
export interface TurnRunner {
  /** Starts one. Returns the headers that tell a client how it stands with its limits. Throws PorchlightError: then nothing was started. */
  start(run: TurnRun): [string, string][];
  /** Stops one, if it is under way. */
  stop(id: string): void;
  /** Whether it is under way, or its end has yet to be told. */
  has(id: string): boolean;
  /** Every model of every machine that ever connected. */
  models(): (ModelInfo & { online: boolean })[];
}

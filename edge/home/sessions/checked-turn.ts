import { PorchlightError } from "../../../shared/errors.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import { type NewTurn, newTurnSchema, type Turn } from "../../../shared/sessions/turn.ts";

/** How a turn ends. */
export type TurnEnd = Pick<NewTurn, "messages" | "usage" | "error" | "trace"> & {
  state: Exclude<NewTurn["state"], "answering">;
  /** Of several that answered a turn, only the current one is heard. Absent: whatever answers it. */
  runId?: string;
};

/** Throws `body_too_large`. */
export function checkTurn(turn: Turn): Turn {
  if (encodeJson(turn).length <= SESSION_LIMITS.turnBytes) return turn;
  throw new PorchlightError("body_too_large", `One turn may have ${SESSION_LIMITS.turnBytes / 2 ** 20} MiB.`);
}

/** A turn with its end; one that is too large failed. */
export function endOf(turn: Turn, end: Omit<TurnEnd, "runId">): Turn {
  const checked = newTurnSchema.safeParse({ ...turn, ...end });
  const ended = checked.success ? { ...checked.data, index: turn.index } : undefined;
  if (ended !== undefined && encodeJson(ended).length <= SESSION_LIMITS.turnBytes) return ended;
  const error = new PorchlightError("body_too_large", "The answer is larger than what a turn may have.").toWire();
  return { ...turn, state: "failed", error };
}

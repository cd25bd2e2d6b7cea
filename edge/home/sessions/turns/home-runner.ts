import { PorchlightError } from "../../../../shared/errors.ts";
import { encodeJson } from "../../../../shared/protocol/json.ts";
import { PROTOCOL_LIMITS } from "../../../../shared/protocol/limits.ts";
import type { Machines } from "../../dispatch/machines.ts";
import { prefixKeys } from "../../dispatch/prefix-keys.ts";
import { resumable } from "../../runs/resumable.ts";
import type { Runs } from "../../runs/runs.ts";
import type { TurnRunner } from "./runner.ts";

/** The household's machines and runs, as its conversations know them. @param replays whether another machine may go on with an answer */
export function turnRunner(machines: Machines, runs: Runs, replays: () => boolean): TurnRunner {
  return {
    start: ({ id, owner, caller, priority, note, request, rounds, onStarted }) => {
      const { model, maxTokens } = request;
      const ranked = priority === "normal" ? {} : { priority };
      const body = encodeJson({ ...resumable(request), caller: caller.id, ...ranked });
      if (body.length > PROTOCOL_LIMITS.requestBytes) throw new PorchlightError("body_too_large");
      const prefix = prefixKeys(request);
      const run = runs.start({
        id,
        caller,
        model,
        maxTokens,
        prefix,
        body,
        note,
        owner,
        kept: true,
        replay: replays(),
        rounds,
        ...(onStarted === undefined ? {} : { onStarted }),
      });
      return [...new Headers(run.ticket.headers)];
    },
    stop: (id) => runs.stop(id),
    has: (id) => runs.has(id),
    models: () => machines.models(),
  };
}

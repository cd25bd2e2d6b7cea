import { PorchlightError } from "../../../shared/errors.ts";
import type { ModelQuestion } from "../../../shared/plugin/context.ts";
import type { GenerateRequest, Message } from "../../../shared/inference/request.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import type { Machines } from "../dispatch/machines.ts";
import { prefixKeys } from "../dispatch/prefix-keys.ts";
import { readEvents } from "../event-lines.ts";
import { resumable } from "../runs/resumable.ts";
import type { Runs } from "../runs/runs.ts";
import { answerOf } from "../sessions/turns/answer.ts";
import { modelOfTurn } from "../sessions/turns/model-of-turn.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { Payer } from "./tool-box.ts";

/** Has a question of a plugin's answered. Throws PorchlightError. */
export type AskModel = (question: AskedQuestion, payer: Payer, signal: AbortSignal) => Promise<string>;
type AskedQuestion = { [Name in keyof ModelQuestion]: ModelQuestion[Name] | undefined } & { prompt: string };

const USUAL_TOKENS = 1_024;

/** The household's machines: a run like any other of whoever pays, within their limits, on a model that is loaded if there is one. */
export function homeModels(machines: Machines, runs: Runs): AskModel {
  return async ({ prompt, system, maxTokens = USUAL_TOKENS }, { caller, models, priority }, signal) => {
    const known = machines.list().flatMap(({ models: its, online }) => its.map((model) => ({ ...model, online })));
    const { name: model } = modelOfTurn(known, { chosen: undefined, former: undefined, allowed: models });
    const messages: Message[] = [{ role: "user", content: prompt }];
    if (system !== undefined) messages.unshift({ role: "system", content: system });
    const request: GenerateRequest = { model, messages, maxTokens, sampling: {} };
    const ranked = priority === "normal" ? {} : { priority };
    const body = encodeJson({ ...resumable(request), caller: caller.id, ...ranked });
    const id = `plugin-${crypto.randomUUID()}`;
    const run = runs.start({ id, caller, model, maxTokens, prefix: prefixKeys(request), body });
    const events: GenerateEvent[] = [];
    for await (const event of readEvents(runs.read(run, 0, signal), signal)) {
      if (event.type === "error") throw PorchlightError.fromWire(event.error);
      events.push(event);
    }
    const { content } = answerOf(events).message;
    return typeof content === "string" ? content : "";
  };
}

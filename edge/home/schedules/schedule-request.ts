import type { GenerateRequest } from "../../../shared/inference/request.ts";
import type { Schedule } from "./schedule.ts";

/** What a run asks the model. `background` is what it shall know of the person. */
export function scheduleRequest(schedule: Schedule, background: string, nowMs: number): GenerateRequest {
  const { model, prompt, maxTokens, timeZone } = schedule;
  const system = [background, clockLine(timeZone, nowMs)].filter((part) => part !== "").join("\n\n");
  return {
    model,
    messages: [
      { role: "system", content: system },
      { role: "user", content: prompt },
    ],
    sampling: {},
    ...(maxTokens === null ? {} : { maxTokens }),
  };
}

/** Nobody is there to say what day it is. */
function clockLine(timeZone: string, nowMs: number): string {
  const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "short", timeZone });
  return `It is ${clock.format(nowMs)} (${timeZone}).`;
}

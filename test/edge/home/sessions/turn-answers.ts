import type { ErrorCode } from "../../../../shared/errors.ts";
import type { GenerateRequest } from "../../../../shared/inference/request.ts";
import { type Answer, saying, writeEvents } from "../../support/agent.ts";

/** Comes to nothing. */
export const failing =
  (code: ErrorCode): Answer =>
  async (_one, stream) => {
    await writeEvents(stream, { type: "error", error: { code, message: "No." } });
    stream.end();
  };

/** So many questions, each about something else. */
export const rambling = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `Tell me about subject${n} and the weather on day${n}.`);

/** Says "yes", and keeps what it was asked. */
export function listening(asked: GenerateRequest[]): Answer {
  return async (one, stream, signal) => {
    asked.push(one);
    await saying("yes")(one, stream, signal);
  };
}

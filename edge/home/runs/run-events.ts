import { PorchlightError, wireErrorSchema } from "../../../shared/errors.ts";
import { type GenerateEvent, generateEventSchema } from "../../../shared/inference/event.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import type { RunOutcome } from "./new-run.ts";
import type { Run } from "./run.ts";
import type { RunLog } from "./run-log.ts";

const decoder = new TextDecoder();

/** What a run has come to. */
export function endOf({ log, failure }: Run): RunOutcome {
  // Of an answer that a reader took away piece by piece, the beginning may be gone.
  if (log.first > 0) return { error: (failure ?? new PorchlightError("body_too_large")).toWire(), partial: [] };
  const events = eventsFrom(log, 0);
  return failure === undefined ? { events } : { error: failure.toWire(), partial: events };
}

/** The events of line `from` and those after it, which are all there. */
export function eventsFrom(log: RunLog, from: number): GenerateEvent[] {
  const lines = decoder.decode(log.slice(from)).split("\n");
  return lines.flatMap((line) => (line === "" ? [] : [generateEventSchema.parse(JSON.parse(line))]));
}

/** A line of an answer. */
export function encodeLine(event: GenerateEvent): Uint8Array {
  const json = encodeJson(event);
  const line = new Uint8Array(json.length + 1);
  line.set(json);
  line[json.length] = 0x0a;
  return line;
}

/** The event of a line, if it is one. */
export function parseLine(line: Uint8Array): GenerateEvent | undefined {
  try {
    return generateEventSchema.safeParse(JSON.parse(decoder.decode(line))).data;
  } catch {
    return undefined; // An agent may say what it likes.
  }
}

/** The error that a line tells. */
export function errorOf(line: Uint8Array): PorchlightError {
  const event = parseLine(line);
  const error = event?.type === "error" ? wireErrorSchema.safeParse(event.error).data : undefined;
  return error === undefined ? new PorchlightError("internal") : PorchlightError.fromWire(error);
}

import { generateEventSchema } from "../../../shared/inference/event.ts";
import { type GenerateRequest, generateRequestSchema, type Resume } from "../../../shared/inference/request.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import { saidEvent } from "./rounds.ts";
import type { RunLog } from "./run-log.ts";

const decoder = new TextDecoder();

/** Where an answer has got to: what a machine needs to go on with it, and the number of the line that it then begins with. */
export interface ResumePoint {
  resume: Resume;
  /** Below the log's next where the log ends with what a machine says again. */
  first: number;
}

/** Undefined where the log has lost its beginning. @param from the first line of what the model says now */
export function resumePoint(log: RunLog, from = 0): ResumePoint | undefined {
  if (log.first > from) return undefined;
  const tokens: number[] = [];
  const skip = { characters: 0, toolCalls: 0, reasoningCharacters: 0 };
  let first = log.next;
  for (const line of decoder.decode(log.slice(from)).split("\n")) {
    if (line === "") continue;
    const event = saidEvent(generateEventSchema.parse(JSON.parse(line)));
    if (event.type === "usage") first = log.next - 1;
    if (event.type !== "text" && event.type !== "tool_call" && event.type !== "reasoning") continue;
    tokens.push(...(event.tokens ?? []));
    if (event.type === "text") skip.characters += event.text.length;
    else if (event.type === "reasoning") skip.reasoningCharacters += event.text.length;
    else skip.toolCalls += 1;
  }
  return { resume: { tokens, skip }, first };
}

/** The request with which a machine goes on behind what was delivered. */
export function resumedBody(body: Uint8Array, { resume }: ResumePoint): Uint8Array {
  const request: GenerateRequest = generateRequestSchema.parse(JSON.parse(decoder.decode(body)));
  const begun = resume.skip.characters + resume.skip.toolCalls + (resume.skip.reasoningCharacters ?? 0) > 0;
  return begun ? encodeJson({ ...request, resume } satisfies GenerateRequest) : body;
}

import { z } from "zod";
import { streamHeaderSchema } from "../../../shared/protocol/messages.ts";

/** How the Worker goes on with a generation: over fetch, like its start. */
const resumeSchema = z.object({
  id: streamHeaderSchema.options[0].shape.requestId,
  callerId: z.string().min(1).max(128),
  from: z.coerce.number().int().nonnegative(),
});
export type ResumeCall = z.infer<typeof resumeSchema>;

const PATH = "/resume";
const RUN = "porchlight-run";
const CALLER_ID = "porchlight-caller-id";
const FROM = "porchlight-from";
const NOTE = "porchlight-note";

export function isResume(request: Request): boolean {
  return new URL(request.url).pathname === PATH;
}

export function encodeResume({ id, callerId, from }: ResumeCall, signal: AbortSignal): Request {
  const headers = { [RUN]: id, [CALLER_ID]: callerId, [FROM]: String(from) };
  return new Request(`https://home${PATH}`, { method: "POST", headers, signal });
}

export function decodeResume({ headers }: Request): ResumeCall {
  return resumeSchema.parse({ id: headers.get(RUN), callerId: headers.get(CALLER_ID), from: headers.get(FROM) });
}

/** What was noted at a generation's start, on the way back. */
export function encodeNote({ note }: { note: string }): Record<string, string> {
  return { [NOTE]: encodeURIComponent(note.toWellFormed()) };
}

export function decodeNote(headers: Headers): string {
  return decodeURIComponent(headers.get(NOTE) ?? "");
}

import { z } from "zod";
import { PorchlightError, wireErrorSchema } from "../../shared/errors.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import { encodeJson } from "../../shared/protocol/json.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import { streamHeaderSchema } from "../../shared/protocol/messages.ts";

/** How the Worker asks the Home object for a generation: over fetch, because only there a client's leaving crosses at once. */
const jobSchema = z.object({
  requestId: streamHeaderSchema.options[0].shape.requestId,
  /** Percent-encoded in the header: names may be any Unicode, and any client's text (half a surrogate pair cannot be encoded). */
  model: z.string().transform(decodeURIComponent),
});
export type GenerateJob = z.infer<typeof jobSchema> & { body: Uint8Array };

const PATH = "/generate";
const REQUEST_ID = "porchlight-request-id";
const MODEL = "porchlight-model";

export function isJob(request: Request): boolean {
  return new URL(request.url).pathname === PATH;
}

/** Throws PorchlightError `body_too_large` for what no stream of the tunnel takes. */
export function encodeJob(requestId: string, request: GenerateRequest, signal: AbortSignal): Request {
  const body = encodeJson(request);
  if (body.length > PROTOCOL_LIMITS.requestBytes) throw new PorchlightError("body_too_large");
  const headers = { [REQUEST_ID]: requestId, [MODEL]: encodeURIComponent(request.model.toWellFormed()) };
  return new Request(`https://home${PATH}`, { method: "POST", headers, body, signal });
}

export async function decodeJob(request: Request): Promise<GenerateJob> {
  const job = jobSchema.parse({ requestId: request.headers.get(REQUEST_ID), model: request.headers.get(MODEL) });
  return { ...job, body: await request.bytes() };
}

/** The refusal of a job, as a response of the Home object. */
export function encodeRefusal(error: unknown): Response {
  const refusal = PorchlightError.from(error);
  return Response.json(refusal.toWire(), { status: refusal.status });
}

/** The NDJSON of a job's answer. Throws the PorchlightError of a refusal. */
export async function decodeAnswer(response: Response): Promise<ReadableStream<Uint8Array>> {
  if (!response.ok || !response.body) throw PorchlightError.fromWire(wireErrorSchema.parse(await response.json()));
  return response.body;
}

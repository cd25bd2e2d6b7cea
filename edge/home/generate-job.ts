import { z } from "zod";
import { PorchlightError, wireErrorSchema } from "../../shared/errors.ts";
import type { EmbedRequest } from "../../shared/inference/embed.ts";
import { type ModelTask, modelTaskSchema } from "../../shared/inference/model.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import { encodeJson } from "../../shared/protocol/json.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import { streamHeaderSchema } from "../../shared/protocol/messages.ts";

/** How the Worker asks the Home object for a generation or for embeddings: over fetch, because only there a client's leaving crosses at once. */
const jobSchema = z.object({
  task: modelTaskSchema,
  requestId: streamHeaderSchema.options[0].shape.requestId,
  /** Percent-encoded in the header: names may be any Unicode, and any client's text (half a surrogate pair cannot be encoded). */
  model: z.string().transform(decodeURIComponent),
});
export type GenerateJob = z.infer<typeof jobSchema> & { body: Uint8Array };

/** The path that asks for each. */
const PATHS: Record<ModelTask, string> = { generate: "/generate", embed: "/embed" };
const REQUEST_ID = "porchlight-request-id";
const MODEL = "porchlight-model";

export function isJob(request: Request): boolean {
  return taskOf(request) !== undefined;
}

function taskOf(request: Request): string | undefined {
  const { pathname } = new URL(request.url);
  return Object.entries(PATHS).find(([, path]) => path === pathname)?.[0];
}

/** Throws PorchlightError `body_too_large` for what no stream of the tunnel takes. */
export function encodeJob(
  task: ModelTask,
  requestId: string,
  request: GenerateRequest | EmbedRequest,
  signal: AbortSignal,
): Request {
  const body = encodeJson(request);
  if (body.length > PROTOCOL_LIMITS.requestBytes) throw new PorchlightError("body_too_large");
  const headers = { [REQUEST_ID]: requestId, [MODEL]: encodeURIComponent(request.model.toWellFormed()) };
  return new Request(`https://home${PATHS[task]}`, { method: "POST", headers, body, signal });
}

export async function decodeJob(request: Request): Promise<GenerateJob> {
  const { headers } = request;
  const job = jobSchema.parse({
    task: taskOf(request),
    requestId: headers.get(REQUEST_ID),
    model: headers.get(MODEL),
  });
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

import { z } from "zod";
import { chatRequestSchema } from "../../../shared/api/openai/chat-request-schema.ts";
import { toGenerateRequest as fromChat } from "../../../shared/api/openai/chat-request.ts";
import { collectCompletion } from "../../../shared/api/openai/chat-response.ts";
import { collectCompletions } from "../../../shared/api/openai/completions/encoder.ts";
import {
  completionsRequestSchema,
  toGenerateRequest as fromCompletions,
} from "../../../shared/api/openai/completions/schema.ts";
import { toGenerateRequest as fromResponses } from "../../../shared/api/openai/responses/request.ts";
import { responsesRequestSchema } from "../../../shared/api/openai/responses/request-schema.ts";
import { begunResponse } from "../../../shared/api/openai/responses/response.ts";
import { answered } from "../../../shared/api/openai/responses/settle.ts";
import { parseWith, supported } from "../../../shared/api/validation.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";

/** What a batch's lines may ask. Embeddings are not among them: the queue of jobs takes generations only. */
export const endpointSchema = z.enum(["/v1/chat/completions", "/v1/responses", "/v1/completions"]);
export type Endpoint = z.infer<typeof endpointSchema>;

const envelopeSchema = z.object({
  custom_id: z.string().min(1).max(512),
  method: z.literal("POST"),
  url: endpointSchema,
  body: z.record(z.string(), z.unknown()),
});

const once = <Schema extends z.ZodType<{ stream?: boolean | null | undefined }>>(schema: Schema): Schema =>
  supported(schema, ({ stream }) => stream !== true, "a line of a batch has no reader to stream to");
const chatSchema = supported(
  once(chatRequestSchema),
  ({ n, background }) => (n ?? 1) === 1 && background !== true,
  "a line of a batch has one answer",
);
const completionsSchema = supported(once(completionsRequestSchema), ({ n }) => (n ?? 1) === 1, "a line has one answer");
const responsesSchema = supported(
  once(responsesRequestSchema),
  (body) => body.background !== true && !body.previous_response_id && !body.conversation && body.truncation !== "auto",
  "a line of a batch stands alone: send the conversation in 'input'",
);

export interface BatchLine {
  customId: string;
  url: Endpoint;
  body: Record<string, unknown>;
}

/** A line of the input, and the request that it means. Throws PorchlightError where it is none. */
export function readLine(text: string): BatchLine & { request: GenerateRequest } {
  const { custom_id: customId, url, body } = parseWith(envelopeSchema.strict(), parseJson(text));
  return { customId, url, body, request: requestOf(url, body) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The schema says what is expected.
  }
}

/** Throws PorchlightError. */
export function requestOf(url: Endpoint, body: unknown): GenerateRequest {
  if (url === "/v1/chat/completions") return fromChat(parseWith(chatSchema, body));
  if (url === "/v1/completions") return fromCompletions(parseWith(completionsSchema, body));
  return fromResponses(parseWith(responsesSchema, body));
}

/** The answer as the line's address has it. Throws the PorchlightError that the events tell. */
export async function answerOf(
  { url, body }: Pick<BatchLine, "url" | "body">,
  { id, createdAtMs, events }: { id: string; createdAtMs: number; events: readonly GenerateEvent[] },
): Promise<object> {
  const created = Math.floor(createdAtMs / 1000);
  const iterable = (async function* () {
    yield* events;
  })();
  if (url === "/v1/chat/completions") {
    const { model } = parseWith(chatSchema, body);
    return await collectCompletion({ id: `chatcmpl-${id}`, created, model }, iterable);
  }
  if (url === "/v1/completions") {
    const { model, prompt, echo } = parseWith(completionsSchema, body);
    const before = echo === true && typeof prompt === "string" ? prompt : "";
    return await collectCompletions({ id: `cmpl-${id}`, created, model }, [iterable], before);
  }
  const asked = parseWith(responsesSchema, body);
  const begun = { ...begunResponse(asked, { store: false, conversation: undefined }), id: `resp_${id}` };
  return answered({ ...begun, created_at: created }, events);
}

import { createInferenceApi } from "../../../shared/api/inference-api.ts";
import type { InferenceBackend, ListedModel } from "../../../shared/inference/backend.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
import { noEmbeddings } from "../../support/no-embeddings.ts";

export const MODEL: ListedModel = {
  name: "starter",
  task: "generate",
  contextLength: 512,
  architecture: "llama",
  quantization: "int4",
  parameters: 1_000_000,
  createdAt: 1_790_000_000,
  loaded: true,
  online: true,
};

export type Generate = (request: GenerateRequest, signal: AbortSignal) => AsyncIterable<GenerateEvent>;

export function apiOver(
  generate: Generate,
  models: ListedModel[] = [MODEL],
  embed: InferenceBackend["embed"] = noEmbeddings,
) {
  const backend: InferenceBackend = { listModels: async () => models, generate, embed };
  return createInferenceApi({ backend: () => backend });
}

export type Api = ReturnType<typeof apiOver>;

/** A backend that yields these. */
export function yielding(...events: GenerateEvent[]): Generate {
  return async function* generate() {
    yield* events;
  };
}

export const FINISH: GenerateEvent[] = [
  { type: "usage", promptTokens: 7, completionTokens: 2, cachedTokens: 4 },
  { type: "finish", reason: "stop" },
];

export const QUESTION = { model: "starter", messages: [{ role: "user", content: "hello" }] };

export async function ask(api: Api, body: Record<string, unknown>, init: RequestInit = {}): Promise<Response> {
  return await api.request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...QUESTION, ...body }),
    ...init,
  });
}

/** The payloads of a whole event stream; fails on anything that is not an event or a comment. */
export function payloadsOf(text: string): string[] {
  const events = text.split("\n\n");
  if (events.pop() !== "") throw new Error("the stream does not end with a whole event");
  return events
    .filter((event) => !event.startsWith(":"))
    .map((event) => {
      if (!event.startsWith("data: ") || event.includes("\n")) throw new Error(`not an event: ${event}`);
      return event.slice("data: ".length);
    });
}

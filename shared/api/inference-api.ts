import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Env, MiddlewareHandler } from "hono";
import type { InferenceBackend } from "../inference/backend.ts";
import { crossOrigin } from "./cross-origin.ts";
import { mountCountTokens } from "./anthropic/count-tokens-route.ts";
import { mountMessages } from "./anthropic/messages-route.ts";
import { OLLAMA_PATHS } from "./dialect.ts";
import { registerSecurity } from "./document.ts";
import { onApiError, onApiNotFound } from "./errors.ts";
import { identifyRequest, limitHeaders } from "./headers.ts";
import { refuseOtherMethods } from "./methods.ts";
import { mountOllamaEmbed } from "./ollama/embed-route.ts";
import { mountOllamaGenerate } from "./ollama/generate-route.ts";
import { mountOllamaModels } from "./ollama/models-route.ts";
import { mountOllamaPull, type PullModel } from "./ollama/pull-route.ts";
import { mountAnswers } from "./openai/answer-routes.ts";
import type { BackgroundJobs } from "./openai/background.ts";
import { mountChat } from "./openai/chat-route.ts";
import { mountCompletions } from "./openai/completions/route.ts";
import { mountEmbeddings } from "./openai/embeddings-route.ts";
import { mountModels } from "./openai/models-route.ts";
import { mountConversations } from "./openai/conversations/routes.ts";
import { mountResponses, type ResponsesOptions } from "./openai/responses/route.ts";

export interface InferenceApiOptions<E extends Env> {
  /** What answers this request. */
  backend: (c: Context<E>) => InferenceBackend;
  /** Runs before every route; refuses by throwing PorchlightError. */
  authorize?: MiddlewareHandler<E>;
  /** Whether the backend keeps answers: then a client can come back to one. */
  keepsAnswers?: boolean;
  /** Takes chat requests that may wait; absent: they are refused by name. */
  jobs?: BackgroundJobs<E>;
  /** Gets models; absent: that is refused by name. */
  pull?: PullModel;
  /** What the Responses API needs: where a caller's conversations are kept, and what takes those that may wait. */
  responses?: ResponsesOptions<E>;
}

/**
 * The inference API: complete in itself (ids, limits, errors in the shape of each dialect), and mountable in a larger app with
 * `app.route("/", api)`, whose onError it does not need.
 */
export function createInferenceApi<E extends Env = Env>(options: InferenceApiOptions<E>): OpenAPIHono<E> {
  const api = new OpenAPIHono<E>();
  api.onError(onApiError);
  api.notFound(onApiNotFound);
  registerSecurity(api);
  for (const path of ["/v1/*", ...OLLAMA_PATHS]) {
    api.use(path, identifyRequest, crossOrigin, limitHeaders);
    if (options.authorize) api.use(path, options.authorize);
  }
  mountModels(api, options.backend);
  mountChat(api, options.backend, options.jobs);
  mountCompletions(api, options.backend);
  if (options.keepsAnswers === true) mountAnswers(api, options.backend);
  mountEmbeddings(api, options.backend);
  mountResponses(api, options.backend, options.responses ?? {});
  if (options.responses?.records) mountConversations(api, options.responses.records);
  mountMessages(api, options.backend);
  mountCountTokens(api, options.backend);
  mountOllamaGenerate(api, options.backend);
  mountOllamaEmbed(api, options.backend);
  mountOllamaModels(api, options.backend);
  mountOllamaPull(api, options.pull);
  refuseOtherMethods(api);
  return api;
}

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import type { InferenceBackend } from "../../inference/backend.ts";
import { EMBED_LIMITS } from "../../inference/embed.ts";
import { orAborted } from "../abort.ts";
import { errorResponsesIn, jsonBody, jsonContent, registerRoute } from "../document.ts";
import { readJsonBody } from "../json-body.ts";
import { modelNameSchema } from "./chat-schema.ts";
import { ollamaKeepAliveSchema } from "./duration.ts";
import { ollamaErrorSchema } from "./errors.ts";
import { optionsSchema } from "./options-schema.ts";

const common = {
  model: modelNameSchema,
  truncate: z.boolean().default(true).openapi({ description: "Cuts texts that are longer than the model takes." }),
  options: optionsSchema.optional().openapi({ description: "Taken and not used." }),
  keep_alive: ollamaKeepAliveSchema.optional(),
};

const embedRequestSchema = z
  .object({
    ...common,
    input: z.union([z.string(), z.array(z.string()).min(1).max(EMBED_LIMITS.inputs)]),
    dimensions: z.number().int().min(1).max(65_536).optional(),
  })
  .openapi("OllamaEmbedRequest", { example: { model: "all-minilm-l6-v2", input: ["The sky is blue."] } });

const embeddingsRequestSchema = z
  .object({ ...common, prompt: z.string() })
  .openapi("OllamaEmbeddingsRequest", { example: { model: "all-minilm-l6-v2", prompt: "The sky is blue." } });

const vector = z.array(z.number());
const post = <Body extends z.ZodType, Answer extends z.ZodType>(
  path: string,
  { operationId, summary, body, answer }: { operationId: string; summary: string; body: Body; answer: Answer },
) =>
  createRoute({
    method: "post",
    path,
    operationId,
    tags: ["Ollama"],
    summary,
    request: { body: jsonBody(body) },
    responses: {
      200: { description: "Vectors of length 1.", content: jsonContent(answer) },
      ...errorResponsesIn(ollamaErrorSchema, [
        "invalid_request",
        "context_length_exceeded",
        "model_task_mismatch",
        "invalid_api_key",
        "model_not_found",
        "agent_offline",
      ]),
    },
  });

const embedRoute = post("/api/embed", {
  operationId: "ollamaEmbed",
  summary: "Turn texts into vectors, as Ollama's clients ask for it",
  body: embedRequestSchema,
  answer: z
    .object({
      model: z.string(),
      embeddings: z.array(vector),
      total_duration: z.number().int().openapi({ description: "Nanoseconds." }),
      prompt_eval_count: z.number().int(),
    })
    .openapi("OllamaEmbed"),
});
const embeddingsRoute = post("/api/embeddings", {
  operationId: "ollamaEmbeddings",
  summary: "Turn one text into a vector, as Ollama's older clients ask for it",
  body: embeddingsRequestSchema,
  answer: z.object({ embedding: vector }).openapi("OllamaEmbedding"),
});

/** `POST /api/embed` and `POST /api/embeddings`. */
export function mountOllamaEmbed<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
): void {
  const embed = async (
    c: Context<E>,
    {
      model,
      truncate,
      keep_alive: keepAliveMs,
    }: z.infer<typeof embeddingsRequestSchema> | z.infer<typeof embedRequestSchema>,
    more: { inputs: string[]; dimensions?: number },
  ) => {
    const { signal } = c.req.raw;
    const request = { model, truncate, ...more, ...(keepAliveMs === undefined ? {} : { keepAliveMs }) };
    const { vectors, promptTokens } = await orAborted(backend(c).embed(request, signal), signal);
    return { vectors: vectors.map((one) => Array.from(one)), promptTokens };
  };
  registerRoute(app, embedRoute);
  app.post(embedRoute.path, async (c) => {
    const startedMs = performance.now();
    const body = await readJsonBody(c.req.raw, embedRequestSchema, { anyType: true });
    const inputs = typeof body.input === "string" ? [body.input] : body.input;
    const dimensions = body.dimensions === undefined ? {} : { dimensions: body.dimensions };
    const { vectors: embeddings, promptTokens } = await embed(c, body, { inputs, ...dimensions });
    const total_duration = Math.round((performance.now() - startedMs) * 1e6);
    return c.json({ model: body.model, embeddings, total_duration, prompt_eval_count: promptTokens }, 200);
  });
  registerRoute(app, embeddingsRoute);
  app.post(embeddingsRoute.path, async (c) => {
    const body = await readJsonBody(c.req.raw, embeddingsRequestSchema, { anyType: true });
    const { vectors } = await embed(c, body, { inputs: [body.prompt] });
    return c.json({ embedding: vectors[0] ?? [] }, 200);
  });
}

import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { floatsToBase64 } from "../../base64.ts";
import type { InferenceBackend } from "../../inference/backend.ts";
import { orAborted } from "../abort.ts";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../document.ts";
import { readJsonBody } from "../json-body.ts";
import { embeddingsRequestSchema, embeddingsSchema, toEmbedRequest } from "./embeddings-schema.ts";

const route = createRoute({
  method: "post",
  path: "/v1/embeddings",
  operationId: "createEmbedding",
  tags: ["Embeddings"],
  summary: "Turn texts into vectors",
  description:
    "OpenAI's embeddings, computed by a model on a home machine. Texts of like meaning have vectors of like direction; every vector " +
    "has length 1, so a dot product is the cosine.",
  request: { body: jsonBody(embeddingsRequestSchema) },
  responses: {
    200: { description: "One vector for each text, in their order.", content: jsonContent(embeddingsSchema) },
    ...errorResponses(
      "invalid_request",
      "context_length_exceeded",
      "model_task_mismatch",
      "invalid_api_key",
      "model_not_found",
      "body_too_large",
      "agent_offline",
    ),
  },
});

/** `POST /v1/embeddings`. */
export function mountEmbeddings<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    const body = await readJsonBody(c.req.raw, embeddingsRequestSchema);
    const { signal } = c.req.raw;
    const result = await orAborted(backend(c).embed(toEmbedRequest(body), signal), signal);
    const encode = (vector: Float32Array) =>
      body.encoding_format === "base64" ? floatsToBase64(vector) : Array.from(vector);
    const data = result.vectors.map((vector, index) => ({
      object: "embedding" as const,
      index,
      embedding: encode(vector),
    }));
    const usage = { prompt_tokens: result.promptTokens, total_tokens: result.promptTokens };
    return c.json({ object: "list" as const, model: body.model, data, usage }, 200);
  });
}

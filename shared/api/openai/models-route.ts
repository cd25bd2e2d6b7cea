import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { PorchlightError } from "../../errors.ts";
import type { InferenceBackend, ListedModel } from "../../inference/backend.ts";
import { modelTaskSchema, quantizationSchema } from "../../inference/model.ts";
import { anthropicModelListSchema, toAnthropicModel, toModelPage } from "../anthropic/models.ts";
import { dialectOf } from "../dialect.ts";
import { errorResponses, jsonContent, registerRoute } from "../document.ts";

const modelSchema = z
  .object({
    id: z.string().openapi({ description: "The name to send as `model`." }),
    object: z.literal("model"),
    created: z.number().int().openapi({ description: "When it came to the machine, Unix time in seconds." }),
    owned_by: z.literal("porchlight"),
    online: z.boolean().openapi({ description: "Whether a machine that has it can be reached now." }),
    loaded: z
      .boolean()
      .openapi({ description: "Whether it is in memory; one that is not answers its first request later." }),
    context_length: z.number().int().openapi({ description: "Tokens of prompt and answer together." }),
    // Made here: a schema from before this library extends zod has no openapi().
    task: z
      .enum(modelTaskSchema.options)
      .openapi({ description: "`generate`: chat. `embed`: vectors, at /v1/embeddings." }),
    architecture: z.string(),
    quantization: quantizationSchema,
    parameters: z.number().int(),
  })
  .openapi("Model", {
    example: {
      id: "starter",
      object: "model",
      created: 1_790_000_000,
      owned_by: "porchlight",
      online: true,
      loaded: true,
      context_length: 512,
      task: "generate",
      architecture: "llama",
      quantization: "int4",
      parameters: 1_100_000,
    },
  });

const listRoute = createRoute({
  method: "get",
  path: "/v1/models",
  operationId: "listModels",
  tags: ["Models"],
  summary: "List the models there are",
  description: "In Anthropic's shape, with its pages, where the request has the header `anthropic-version`.",
  responses: {
    200: {
      description: "Every model of every machine.",
      content: jsonContent(
        z.union([
          z.object({ object: z.literal("list"), data: z.array(modelSchema) }).openapi("ModelList"),
          anthropicModelListSchema,
        ]),
      ),
    },
    ...errorResponses("invalid_api_key"),
  },
});

const oneRoute = createRoute({
  method: "get",
  path: "/v1/models/{model}",
  operationId: "retrieveModel",
  tags: ["Models"],
  summary: "Describe one model",
  request: { params: z.object({ model: z.string().max(256).openapi({ example: "starter" }) }) },
  responses: {
    200: { description: "The model.", content: jsonContent(modelSchema) },
    ...errorResponses("invalid_api_key", "model_not_found"),
  },
});

/** `GET /v1/models` and `GET /v1/models/{model}`. */
export function mountModels<E extends Env>(app: OpenAPIHono<E>, backend: (c: Context<E>) => InferenceBackend): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const models = await backend(c).listModels();
    if (dialectOf(c) === "anthropic") return c.json(toModelPage(models, c.req.query()), 200);
    return c.json({ object: "list" as const, data: models.map(toModel) }, 200);
  });
  registerRoute(app, oneRoute);
  // A model's name may hold slashes, written as they are or as %2F.
  app.get("/v1/models/:model{.+}", async (c) => {
    const name = c.req.param("model");
    const model = (await backend(c).listModels()).find((candidate) => candidate.name === name);
    if (!model) throw unknownModel(name);
    return c.json(dialectOf(c) === "anthropic" ? toAnthropicModel(model) : toModel(model), 200);
  });
}

/** The error for a model that nobody has; `name` comes from the client. */
export function unknownModel(name: string): PorchlightError {
  return new PorchlightError(
    "model_not_found",
    `No machine has a model named '${name.slice(0, 256)}'. GET /v1/models lists those there are.`,
    { param: "model" },
  );
}

function toModel(model: ListedModel): z.infer<typeof modelSchema> {
  return {
    id: model.name,
    object: "model",
    created: model.createdAt,
    owned_by: "porchlight",
    online: model.online,
    loaded: model.loaded,
    context_length: model.contextLength,
    task: model.task,
    architecture: model.architecture,
    quantization: model.quantization,
    parameters: model.parameters,
  };
}

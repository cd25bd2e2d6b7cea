import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import type { InferenceBackend, ListedModel } from "../../inference/backend.ts";
import { weightBytes } from "../../inference/model.ts";
import { errorResponsesIn, jsonBody, jsonContent, registerRoute } from "../document.ts";
import { readJsonBody } from "../json-body.ts";
import { unknownModel } from "../openai/models-route.ts";
import { modelNameSchema } from "./chat-schema.ts";
import { ollamaErrorSchema } from "./errors.ts";

/** What these routes follow: clients ask, to know which fields a server has. */
const API_VERSION = "0.13.0";

const detailsSchema = z.object({
  parent_model: z.literal(""),
  format: z.literal(""),
  family: z.string(),
  families: z.array(z.string()),
  parameter_size: z.string(),
  quantization_level: z.string(),
});

const listedSchema = z.object({
  name: z.string(),
  model: z.string(),
  modified_at: z.string().openapi({ description: "When it came to the machine." }),
  size: z.number().int().openapi({ description: "About how many bytes its weights are." }),
  digest: z.string().openapi({ description: "Of what is listed of it: another model of this name has another." }),
  details: detailsSchema,
});

const tagsSchema = z.object({ models: z.array(listedSchema) }).openapi("OllamaModels");
const runningSchema = z
  .object({ models: z.array(listedSchema.extend({ context_length: z.number().int() })) })
  .openapi("OllamaRunningModels");

const showRequestSchema = z
  .object({ model: modelNameSchema.optional(), name: modelNameSchema.optional() })
  .refine(({ model, name }) => (model ?? name) !== undefined, { path: ["model"], error: "name a model" })
  .openapi("OllamaShowRequest", { example: { model: "starter" } });

const showSchema = z
  .object({
    modified_at: z.string(),
    details: detailsSchema,
    model_info: z.record(z.string(), z.unknown()),
    capabilities: z.array(z.enum(["completion", "tools", "embedding"])),
  })
  .openapi("OllamaShow");

const TAGS = ["Ollama"];
const get = <Schema extends z.ZodType>(path: string, operationId: string, summary: string, schema: Schema) =>
  createRoute({
    method: "get",
    path,
    operationId,
    tags: TAGS,
    summary,
    responses: {
      200: { description: summary, content: jsonContent(schema) },
      ...errorResponsesIn(ollamaErrorSchema, ["invalid_api_key"]),
    },
  });

const tagsRoute = get("/api/tags", "ollamaTags", "List the models there are", tagsSchema);
const psRoute = get("/api/ps", "ollamaPs", "List the models that are loaded", runningSchema);
const versionRoute = get(
  "/api/version",
  "ollamaVersion",
  "The version of Ollama's API that is followed",
  z.object({ version: z.string() }).openapi("OllamaVersion"),
);
const showRoute = createRoute({
  method: "post",
  path: "/api/show",
  operationId: "ollamaShow",
  tags: TAGS,
  summary: "Describe one model",
  request: { body: jsonBody(showRequestSchema) },
  responses: {
    200: { description: "The model.", content: jsonContent(showSchema) },
    ...errorResponsesIn(ollamaErrorSchema, ["invalid_request", "invalid_api_key", "model_not_found"]),
  },
});

/** `GET /api/tags`, `GET /api/ps`, `GET /api/version` and `POST /api/show`. */
export function mountOllamaModels<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
): void {
  registerRoute(app, tagsRoute);
  app.get(tagsRoute.path, async (c) => {
    const models = await backend(c).listModels();
    return c.json({ models: await Promise.all(models.map(toListed)) }, 200);
  });
  registerRoute(app, psRoute);
  app.get(psRoute.path, async (c) => {
    const loaded = (await backend(c).listModels()).filter((model) => model.loaded && model.online);
    const models = loaded.map(async (model) => ({ ...(await toListed(model)), context_length: model.contextLength }));
    return c.json({ models: await Promise.all(models) }, 200);
  });
  registerRoute(app, versionRoute);
  app.get(versionRoute.path, (c) => c.json({ version: API_VERSION }, 200));
  registerRoute(app, showRoute);
  app.post(showRoute.path, async (c) => {
    const body = await readJsonBody(c.req.raw, showRequestSchema, { anyType: true });
    const name = body.model ?? body.name ?? "";
    const model = (await backend(c).listModels()).find((candidate) => candidate.name === name);
    if (!model) throw unknownModel(name);
    return c.json(toShown(model), 200);
  });
}

async function toListed(model: ListedModel): Promise<z.infer<typeof listedSchema>> {
  return {
    name: model.name,
    model: model.name,
    modified_at: modifiedAt(model),
    size: weightBytes(model.parameters, model.quantization),
    digest: await digestOf(model),
    details: toDetails(model),
  };
}

function toShown(model: ListedModel): z.infer<typeof showSchema> {
  const { architecture } = model;
  return {
    modified_at: modifiedAt(model),
    details: toDetails(model),
    model_info: {
      "general.architecture": architecture,
      "general.parameter_count": model.parameters,
      [`${architecture}.context_length`]: model.contextLength,
    },
    capabilities: model.task === "embed" ? ["embedding"] : ["completion", "tools"],
  };
}

function toDetails({ architecture, parameters, quantization }: ListedModel): z.infer<typeof detailsSchema> {
  return {
    parent_model: "",
    format: "",
    family: architecture,
    families: [architecture],
    parameter_size: parameterSize(parameters),
    quantization_level: quantization,
  };
}

function modifiedAt({ createdAt }: ListedModel): string {
  return new Date(createdAt * 1000).toISOString();
}

/** As Ollama writes it: 5.5M, 1.7B. */
function parameterSize(parameters: number): string {
  const [unit, symbol] = parameters >= 1e9 ? [1e9, "B"] : [1e6, "M"];
  return `${(parameters / unit).toFixed(1)}${symbol}`;
}

async function digestOf({ online: _online, loaded: _loaded, ...model }: ListedModel): Promise<string> {
  const fields = Object.entries(model).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const bytes = new TextEncoder().encode(JSON.stringify(fields));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Env } from "hono";
import { PorchlightError } from "../../errors.ts";
import { orAborted } from "../abort.ts";
import { errorResponsesIn, jsonBody, registerRoute } from "../document.ts";
import { readJsonBody } from "../json-body.ts";
import { API_LIMITS } from "../limits.ts";
import { eventStream } from "../sse.ts";
import { modelNameSchema } from "./chat-schema.ts";
import { ollamaError, ollamaErrorSchema } from "./errors.ts";
import { NDJSON_HEADERS } from "./generate-route.ts";

/** How far a download is: bytes that are here, of all. */
export interface PullProgress {
  stage: "resolving" | "downloading" | "checking";
  name?: string;
  totalBytes?: number;
  completedBytes?: number;
}

/** Gets a model by the name that `porchlight models pull` takes. Ends when it is here; throws PorchlightError. */
export type PullModel = (model: string, signal: AbortSignal) => AsyncIterable<PullProgress>;

const pullSchema = z
  .object({
    model: modelNameSchema.optional(),
    name: modelNameSchema.optional(),
    stream: z.boolean().default(true),
  })
  .refine(({ model, name }) => (model ?? name) !== undefined, { path: ["model"], error: "name a model" })
  .openapi("OllamaPullRequest", { example: { model: "qwen3-1.7b" } });

const stepSchema = z
  .object({
    status: z.string(),
    digest: z.string().optional().openapi({ description: "The model's name here." }),
    total: z.number().int().optional(),
    completed: z.number().int().optional(),
  })
  .openapi("OllamaPullStep");
type Step = z.infer<typeof stepSchema>;

const route = createRoute({
  method: "post",
  path: "/api/pull",
  operationId: "ollamaPull",
  tags: ["Ollama"],
  summary: "Get a model",
  description:
    "Only at a machine's own API. The model is served as soon as it is here; one that is cut short goes on where it was.",
  request: { body: jsonBody(pullSchema) },
  responses: {
    200: {
      description: "How far it is: lines of JSON, or the last of them where `stream` is false.",
      content: { "application/x-ndjson": { schema: stepSchema } },
    },
    ...errorResponsesIn(ollamaErrorSchema, ["invalid_request", "invalid_api_key", "model_not_found", "forbidden"]),
  },
});

const SUCCESS: Step = { status: "success" };

/** `POST /api/pull`. @param pull absent where there is no machine to put a model on: then it is refused by name */
export function mountOllamaPull<E extends Env>(app: OpenAPIHono<E>, pull: PullModel | undefined): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    const { model, name = "", stream } = await readJsonBody(c.req.raw, pullSchema, { anyType: true });
    if (pull === undefined) {
      const sentence =
        "Models are put on a machine by its owner: run 'porchlight models pull NAME' there, or ask its own API.";
      throw new PorchlightError("forbidden", sentence);
    }
    const left = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
    const progress = pull(model ?? name, signal);
    if (!stream) {
      await orAborted(wait(progress), signal);
      return c.json(SUCCESS, 200);
    }
    const lines = eventStream(progress[Symbol.asyncIterator](), {
      encode: (one) => line(toStep(one)),
      fail: (error) => {
        left.abort();
        return line(ollamaError(error));
      },
      end: () => (left.signal.aborted ? "" : line({ status: "writing manifest" }) + line(SUCCESS)),
      keepAliveMs: API_LIMITS.keepAliveMs,
      keepAlive: " ",
      onCancel: () => left.abort(),
    });
    return c.body(lines, 200, NDJSON_HEADERS);
  });
}

async function wait(progress: AsyncIterable<PullProgress>): Promise<void> {
  for await (const _ of progress) continue;
}

function toStep({ stage, name, totalBytes, completedBytes }: PullProgress): Step {
  if (stage === "resolving") return { status: "pulling manifest" };
  if (stage === "checking") return { status: "verifying sha256 digest" };
  return {
    status: `pulling ${name ?? ""}`.trimEnd(),
    ...(name === undefined ? {} : { digest: name }),
    ...(totalBytes === undefined ? {} : { total: totalBytes }),
    ...(completedBytes === undefined ? {} : { completed: completedBytes }),
  };
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

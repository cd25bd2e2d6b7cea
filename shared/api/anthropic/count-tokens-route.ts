import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import type { InferenceBackend } from "../../inference/backend.ts";
import { countTokens } from "../../inference/count-tokens.ts";
import { orAborted } from "../abort.ts";
import { errorResponsesIn, jsonBody, jsonContent, registerRoute } from "../document.ts";
import { readJsonBody } from "../json-body.ts";
import { anthropicErrorSchema } from "./errors.ts";
import { requireVersion } from "./messages-route.ts";
import { toCountRequest } from "./messages-request.ts";
import { countTokensRequestSchema } from "./messages-schema.ts";

const tokensCountSchema = z
  .object({ input_tokens: z.number().int() })
  .openapi("MessageTokensCount", { example: { input_tokens: 12 } });

const route = createRoute({
  method: "post",
  path: "/v1/messages/count_tokens",
  operationId: "countMessageTokens",
  tags: ["Messages (Anthropic)"],
  summary: "Count the tokens of a conversation",
  description:
    "By the model's own template and tokenizer, on the machine that has it: the model is loaded for it. Counts against a key's " +
    "requests, not against its tokens.",
  request: { body: jsonBody(countTokensRequestSchema) },
  responses: {
    200: { description: "As many as the prompt of `POST /v1/messages` has.", content: jsonContent(tokensCountSchema) },
    ...errorResponsesIn(anthropicErrorSchema, [
      "invalid_request",
      "invalid_api_key",
      "model_not_found",
      "agent_offline",
    ]),
  },
});

/** `POST /v1/messages/count_tokens`. */
export function mountCountTokens<E extends Env>(
  app: OpenAPIHono<E>,
  backend: (c: Context<E>) => InferenceBackend,
): void {
  registerRoute(app, route);
  app.post(route.path, async (c) => {
    requireVersion(c);
    const request = toCountRequest(await readJsonBody(c.req.raw, countTokensRequestSchema));
    const { signal } = c.req.raw;
    return c.json({ input_tokens: await orAborted(countTokens(backend(c), request, signal), signal) }, 200);
  });
}

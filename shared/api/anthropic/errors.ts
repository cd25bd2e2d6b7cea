import { z } from "@hono/zod-openapi";
import type { PorchlightError } from "../../errors.ts";

/** Anthropic's error object, with our stable code beside the type. */
export const anthropicErrorSchema = z
  .object({
    type: z.literal("error"),
    error: z.object({
      type: z.string().openapi({ description: "Kind of error, by HTTP status." }),
      message: z.string().openapi({ description: "What happened, and the way out." }),
      code: z.string().openapi({ description: "Stable name of the error, for programs." }),
    }),
    request_id: z.string().nullable(),
  })
  .openapi("AnthropicError", {
    example: {
      type: "error",
      error: {
        type: "not_found_error",
        message: "No machine has a model named 'claude'. GET /v1/models lists those there are.",
        code: "model_not_found",
      },
      request_id: "5f0c1a2b",
    },
  });

const TYPES: Partial<Record<PorchlightError["status"], string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

export function anthropicError(error: PorchlightError, requestId: string | undefined) {
  const type = TYPES[error.status] ?? (error.status >= 500 ? "api_error" : "invalid_request_error");
  return {
    type: "error" as const,
    error: { type, message: error.message, code: error.code },
    request_id: requestId ?? null,
  };
}

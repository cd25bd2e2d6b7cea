import { z } from "@hono/zod-openapi";
import type { PorchlightError } from "../../errors.ts";

/** Ollama's error object, with our stable code beside the sentence. */
export const ollamaErrorSchema = z
  .object({
    error: z.string().openapi({ description: "What happened, and the way out." }),
    code: z.string().openapi({ description: "Stable name of the error, for programs." }),
  })
  .openapi("OllamaError", {
    example: {
      error: "No machine has a model named 'llama9'. GET /v1/models lists those there are.",
      code: "model_not_found",
    },
  });

export function ollamaError({
  message,
  code,
}: Pick<PorchlightError, "message" | "code">): z.infer<typeof ollamaErrorSchema> {
  return { error: message, code };
}

import { z } from "@hono/zod-openapi";
import { PorchlightError } from "../../errors.ts";
import type { ListedModel } from "../../inference/backend.ts";
import { parseWith } from "../validation.ts";

const modelSchema = z
  .object({
    type: z.literal("model"),
    id: z.string(),
    display_name: z.string(),
    created_at: z.string().openapi({ description: "When it came to the machine (RFC 3339)." }),
    max_input_tokens: z.number().int(),
    max_tokens: z.number().int(),
    capabilities: z.null(),
    lifecycle: z.literal("active"),
    line: z.null(),
    deprecated_at: z.null(),
    retires_at: z.null(),
  })
  .openapi("AnthropicModel");

export const anthropicModelListSchema = z
  .object({
    data: z.array(modelSchema),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  })
  .openapi("AnthropicModelList", { description: "Where the request has the header `anthropic-version`." });

const name = z.string().min(1).max(256).optional();
const pageSchema = z
  .strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(20), after_id: name, before_id: name })
  .refine(({ after_id, before_id }) => after_id === undefined || before_id === undefined, {
    path: ["before_id"],
    error: "give either 'after_id' or 'before_id', not both",
  });

/** A page of the models that chat, as Anthropic's clients read it. Throws PorchlightError for a query that is not valid. */
export function toModelPage(
  models: readonly ListedModel[],
  query: Record<string, string>,
): z.infer<typeof anthropicModelListSchema> {
  const { limit, after_id: after, before_id: before } = parseWith(pageSchema, query);
  const all = models.filter(({ task }) => task === "generate").map(toAnthropicModel);
  const start = after === undefined ? 0 : indexOf(all, after, "after_id") + 1;
  const end = before === undefined ? all.length : indexOf(all, before, "before_id");
  const rest = all.slice(start, end);
  // Backwards, the page is what comes right before.
  const data = before === undefined ? rest.slice(0, limit) : rest.slice(-limit);
  return {
    data,
    has_more: data.length < rest.length,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

function indexOf(models: readonly { id: string }[], id: string, param: string): number {
  const index = models.findIndex((model) => model.id === id);
  if (index !== -1) return index;
  throw new PorchlightError("invalid_request", `Invalid value for '${param}': there is no such model.`, { param });
}

export function toAnthropicModel(model: ListedModel): z.infer<typeof modelSchema> {
  return {
    type: "model",
    id: model.name,
    display_name: model.name,
    created_at: new Date(model.createdAt * 1000).toISOString().replace(".000Z", "Z"),
    max_input_tokens: model.contextLength,
    max_tokens: model.contextLength,
    capabilities: null,
    lifecycle: "active",
    line: null,
    deprecated_at: null,
    retires_at: null,
  };
}

import { z } from "@hono/zod-openapi";
import { inputItemSchema } from "../responses/input-schema.ts";

/** At most so many come in one request, as at OpenAI. */
const MAX_ITEMS = 20;

const metadataSchema = z
  .record(z.string().max(64), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= 16, { error: "at most 16 pairs" });

export const newConversationSchema = z
  .strictObject({
    items: z.array(inputItemSchema).max(MAX_ITEMS).nullish(),
    metadata: metadataSchema.nullish(),
  })
  .openapi("NewConversation");

export const changedConversationSchema = z.strictObject({ metadata: metadataSchema.nullable() });

export const newItemsSchema = z
  .strictObject({ items: z.array(inputItemSchema).min(1).max(MAX_ITEMS) })
  .openapi("NewConversationItems");

export const conversationSchema = z
  .object({
    id: z.string(),
    object: z.literal("conversation"),
    created_at: z.number().int(),
    metadata: z.record(z.string(), z.string()),
  })
  .openapi("Conversation");

export const deletedSchema = z.object({
  id: z.string(),
  object: z.literal("conversation.deleted"),
  deleted: z.literal(true),
});

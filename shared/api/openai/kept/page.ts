import { z } from "@hono/zod-openapi";

const MAX_PAGE = 100;

/** How OpenAI's lists are asked for. */
export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(20),
  order: z.enum(["asc", "desc"]).default("desc").openapi({ description: "`desc`: the latest first." }),
  after: z.string().max(128).optional().openapi({ description: "The `last_id` of the page before." }),
  include: z.unknown().optional(),
});

/** A list as OpenAI has it. */
export function listSchema<Item extends z.ZodType>(item: Item) {
  return z.object({
    object: z.literal("list"),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

/** A page of a list whose oldest is first. Behind an item that is not there is nothing. */
export function pageOf<Item extends { id?: unknown; type?: unknown }>(
  items: readonly Item[],
  { limit, order, after }: Pick<z.infer<typeof pageQuerySchema>, "limit" | "order" | "after">,
) {
  const ordered = order === "asc" ? items : items.toReversed();
  const place = after === undefined ? -1 : ordered.findIndex(({ id }) => id === after);
  const rest = after !== undefined && place < 0 ? [] : ordered.slice(place + 1);
  const data = rest.slice(0, limit);
  return {
    object: "list" as const,
    data,
    first_id: nameOf(data[0]),
    last_id: nameOf(data.at(-1)),
    has_more: rest.length > data.length,
  };
}

function nameOf(item: { id?: unknown; type?: unknown } | undefined): string | null {
  return typeof item?.id === "string" ? item.id : null;
}

import { z } from "zod";

const words = z.string();
const resource = z.looseObject({
  uri: words,
  mimeType: words.optional(),
  text: words.optional(),
  blob: words.optional(),
});

/** The kinds of content that MCP's tools answer with. */
const contentSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("text"), text: words }),
  z.looseObject({ type: z.literal("image"), data: words, mimeType: words }),
  z.looseObject({ type: z.literal("audio"), data: words, mimeType: words }),
  z.looseObject({ type: z.literal("resource"), resource }),
  z.looseObject({ type: z.literal("resource_link"), uri: words, name: words }),
]);
export type MountedContent = z.infer<typeof contentSchema>;

/** What a mounted server's tool answered: the value of its outcome. */
export const mountedResultSchema = z.object({
  content: z.array(contentSchema).max(1_000),
  structuredContent: z.record(words, z.unknown()).optional(),
  isError: z.boolean().optional(),
});
export type MountedResult = z.infer<typeof mountedResultSchema>;

import { z } from "@hono/zod-openapi";
import { EMBED_LIMITS, type EmbedRequest } from "../../inference/embed.ts";

const token = z.number().int().nonnegative().max(0xffffffff);
const tokens = z.array(token).min(1).max(EMBED_LIMITS.inputTokens);

type Item = string | number | number[];
const kindOf = (item: Item) => (Array.isArray(item) ? "tokens" : typeof item);

/** One text, several, one text's tokens or those of several. Not a union of four: its errors would name the wrong one. */
const inputSchema = z.union([
  z.string(),
  z
    .array(z.union([z.string(), token, tokens]))
    .min(1)
    .max(EMBED_LIMITS.inputTokens)
    .refine((items) => items.every((item) => kindOf(item) === kindOf(items[0] ?? "")), "texts and tokens are mixed")
    .refine(
      (items) => kindOf(items[0] ?? "") === "number" || items.length <= EMBED_LIMITS.inputs,
      `one request takes ${EMBED_LIMITS.inputs} texts`,
    ),
]);

/** The body of `POST /v1/embeddings`, as OpenAI describes it and with what other servers add. */
export const embeddingsRequestSchema = z
  .strictObject({
    model: z.string().min(1).max(256).openapi({ description: "A model whose `task` is `embed`." }),
    input: inputSchema.openapi({
      description:
        "A text, several texts, or their tokens: ids in the model's own vocabulary, without those that begin and end a text.",
    }),
    encoding_format: z
      .enum(["float", "base64"])
      .nullish()
      .openapi({ description: "`base64`: the numbers as 32-bit floats, least significant byte first." }),
    dimensions: z.number().int().min(1).max(65_536).nullish().openapi({
      description: "Keeps the first so many numbers and normalises again; for models that were trained for it.",
    }),
    input_type: z.enum(["query", "document"]).nullish().openapi({
      description: "Puts the model's own prompt for questions or for documents before each text, if it has one.",
    }),
    truncate: z
      .boolean()
      .nullish()
      .openapi({ description: "Cuts texts that are longer than the model takes, in place of refusing them." }),
    user: z.string().max(512).nullish().openapi({ description: "Taken and not used." }),
  })
  .openapi("EmbeddingsRequest", {
    example: { model: "all-minilm-l6-v2", input: ["The sky is blue.", "Grass is green."] },
  });
export type EmbeddingsRequest = z.infer<typeof embeddingsRequestSchema>;

export const embeddingsSchema = z
  .object({
    object: z.literal("list"),
    model: z.string(),
    data: z.array(
      z.object({
        object: z.literal("embedding"),
        index: z.number().int(),
        embedding: z.union([z.array(z.number()), z.string()]).openapi({ description: "A vector of length 1." }),
      }),
    ),
    usage: z.object({ prompt_tokens: z.number().int(), total_tokens: z.number().int() }),
  })
  .openapi("Embeddings", {
    example: {
      object: "list",
      model: "all-minilm-l6-v2",
      data: [{ object: "embedding", index: 0, embedding: [0.0274, -0.0113, 0.0551] }],
      usage: { prompt_tokens: 7, total_tokens: 7 },
    },
  });

/** The canonical request that a body means. */
export function toEmbedRequest(body: EmbeddingsRequest): EmbedRequest {
  return {
    model: body.model,
    inputs: toInputs(body.input),
    ...(body.dimensions == null ? {} : { dimensions: body.dimensions }),
    ...(body.input_type == null ? {} : { purpose: body.input_type }),
    truncate: body.truncate ?? false,
  };
}

/** One text's tokens are a list of numbers; everything else that is a list has a text in each place. */
function toInputs(input: EmbeddingsRequest["input"]): EmbedRequest["inputs"] {
  if (typeof input === "string") return [input];
  const ids = input.filter((item) => typeof item === "number");
  return ids.length > 0 ? [ids] : input.filter((item) => typeof item !== "number");
}

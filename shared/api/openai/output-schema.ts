import { z } from "@hono/zod-openapi";
import { logitBiasSchema, MAX_TOP_LOGPROBS, type ResponseFormat } from "../../inference/output-format.ts";
import { PorchlightError } from "../../errors.ts";
import { isDeeperThan } from "../json-depth.ts";
import { API_LIMITS } from "../limits.ts";
import { supported } from "../validation.ts";

/** Choices of one answer: each takes a place in the model's batch. */
export const MAX_CHOICES = 16;

const source = z.string().min(1).max(65_536);
const jsonSchema = z.record(z.string(), z.unknown());

const responseFormatSchema = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("text") }),
    z.strictObject({ type: z.literal("json_object") }),
    z.strictObject({
      type: z.literal("json_schema"),
      json_schema: z.strictObject({
        name: z.string().min(1).max(64),
        description: z.string().max(8192).nullish(),
        schema: jsonSchema.nullish(),
        strict: z.boolean().nullish().openapi({ description: "Answers are held to the schema whatever this says." }),
      }),
    }),
  ])
  .openapi({
    description:
      "The form of the answer, held to token by token: an answer with finish reason `stop` is always valid. JSON Schema keywords " +
      "that cannot be held to are refused by name.",
  });

const structuredOutputsSchema = z
  .strictObject({
    json: z.union([jsonSchema, source]).nullish().openapi({ description: "A JSON Schema, or its text." }),
    regex: source.nullish().openapi({ description: "An ECMAScript regular expression for the whole answer." }),
    choice: z.array(z.string().max(8192)).min(1).max(1024).nullish(),
    grammar: source.nullish().openapi({ description: "A grammar in GBNF." }),
  })
  .refine(
    (formats) => Object.values(formats).filter((format) => format !== null && format !== undefined).length === 1,
    {
      error: "give exactly one of 'json', 'regex', 'choice' and 'grammar'",
    },
  )
  .openapi({ description: "Other forms of the answer, as vLLM names them." });

/** Fields of a chat body that say what the answer looks like. */
export const outputFields = {
  n: supported(
    z.number().int().min(1).max(128).nullish(),
    (n) => (n ?? 1) <= MAX_CHOICES,
    `at most ${MAX_CHOICES} choices`,
  ),
  parallel_tool_calls: z.boolean().nullish().openapi({ description: "Whether there may be several tool calls." }),
  response_format: responseFormatSchema.nullish(),
  structured_outputs: structuredOutputsSchema.nullish(),
  grammar: source.nullish().openapi({ description: "A grammar in GBNF for the whole answer, as llama.cpp names it." }),
  logprobs: z.boolean().nullish().openapi({ description: "Tell the log probability of each token." }),
  top_logprobs: z.number().int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
  logit_bias: logitBiasSchema.nullish().openapi({ description: "Added to logits, by token id." }),
};

type OutputFields = {
  [Field in "response_format" | "structured_outputs" | "grammar"]?: z.infer<(typeof outputFields)[Field]>;
};

/** The fields that ask for a form of the answer other than text. */
export function formatsOf(body: OutputFields): string[] {
  return [
    ...(body.response_format && body.response_format.type !== "text" ? ["response_format"] : []),
    ...(body.structured_outputs ? ["structured_outputs"] : []),
    ...(typeof body.grammar === "string" ? ["grammar"] : []),
  ];
}

/** The canonical form of the answer; undefined for text. */
export function toResponseFormat(body: OutputFields): ResponseFormat | undefined {
  const { response_format: format, structured_outputs: structured, grammar } = body;
  if (typeof grammar === "string") return { type: "grammar", grammar };
  if (structured?.regex) return { type: "regex", pattern: structured.regex };
  if (structured?.grammar) return { type: "grammar", grammar: structured.grammar };
  if (structured?.choice) return { type: "choice", choices: structured.choice };
  if (structured?.json) return { type: "json_schema", schema: parseSchema(structured.json) };
  if (format?.type === "json_object") return { type: "json" };
  if (format?.type !== "json_schema") return undefined;
  const { schema } = format.json_schema;
  return schema ? { type: "json_schema", schema } : { type: "json" };
}

function parseSchema(schema: string | z.infer<typeof jsonSchema>): z.infer<typeof jsonSchema> {
  if (typeof schema !== "string") return schema;
  const refuse = (cause?: unknown): PorchlightError =>
    new PorchlightError(
      "invalid_request",
      "Invalid value for 'structured_outputs.json': it is not the text of a JSON Schema.",
      {
        param: "structured_outputs.json",
        cause,
      },
    );
  if (isDeeperThan(new TextEncoder().encode(schema), API_LIMITS.jsonDepth)) throw refuse();
  try {
    return jsonSchema.parse(JSON.parse(schema));
  } catch (cause) {
    throw refuse(cause);
  }
}

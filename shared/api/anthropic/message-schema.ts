import { z } from "@hono/zod-openapi";
import { supported } from "../validation.ts";

/** Marks what to keep for the next request. Prefixes are kept by themselves here, so that it changes nothing. */
export const cacheControlSchema = z
  .strictObject({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).optional() })
  .nullish()
  .openapi({ description: "Taken and not used: prefixes are computed once as it is." });

const off = (sentence: string) =>
  supported(
    z.unknown().optional(),
    (value) => value === null || value === undefined || (Array.isArray(value) && value.length === 0),
    sentence,
  );

export const textBlockSchema = z
  .strictObject({
    type: z.literal("text"),
    text: z.string(),
    cache_control: cacheControlSchema,
    citations: off("citations are not supported"),
  })
  .openapi("TextBlock");

/** Blocks of other kinds are known by name, so that a client learns what is missing rather than that it made a mistake. */
const foreignBlock = <const Types extends readonly [string, ...string[]]>(types: Types, sentence: string) =>
  supported(
    z.looseObject({ type: z.enum(types) }).openapi({ description: "Known to Anthropic's API, refused here." }),
    () => false,
    sentence,
  );

const MEDIA = ["image", "document", "search_result", "container_upload", "tool_reference", "browser_state"] as const;
const SERVER_TOOLS = [
  "server_tool_use",
  "web_search_tool_result",
  "web_fetch_tool_result",
  "code_execution_tool_result",
  "bash_code_execution_tool_result",
  "text_editor_code_execution_tool_result",
  "tool_search_tool_result",
] as const;
const mediaSchema = foreignBlock(MEDIA, "only text is supported");

const toolResultSchema = z
  .strictObject({
    type: z.literal("tool_result"),
    tool_use_id: z.string().min(1).max(128).openapi({ description: "The `tool_use` that this answers." }),
    content: z
      .union([z.string(), z.array(z.discriminatedUnion("type", [textBlockSchema, mediaSchema])).max(256)])
      .nullish(),
    is_error: z.boolean().nullish().openapi({ description: "Puts `Error: ` before the content." }),
    cache_control: cacheControlSchema,
    toolset_name: off("toolsets are not supported"),
  })
  .openapi("ToolResultBlock");

const toolUseSchema = z
  .strictObject({
    type: z.literal("tool_use"),
    id: z.string().min(1).max(128),
    name: z.string().min(1).max(128),
    input: z.record(z.string(), z.unknown()),
    cache_control: cacheControlSchema,
    caller: supported(
      z.looseObject({ type: z.string() }).nullish(),
      (caller) => (caller?.type ?? "direct") === "direct",
      "only 'direct' is supported",
    ),
    toolset_name: off("toolsets are not supported"),
  })
  .openapi("ToolUseBlock");

const thinkingSchema = z
  .strictObject({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() })
  .openapi("ThinkingBlock");

const content = <Blocks extends z.ZodType>(blocks: Blocks) => z.union([z.string(), z.array(blocks).min(1).max(4096)]);

export const messageParamSchema = z
  .discriminatedUnion("role", [
    z.strictObject({ role: z.literal("system"), content: content(textBlockSchema) }),
    z.strictObject({
      role: z.literal("user"),
      content: content(z.discriminatedUnion("type", [textBlockSchema, toolResultSchema, mediaSchema])),
    }),
    z.strictObject({
      role: z.literal("assistant"),
      content: content(
        z.discriminatedUnion("type", [
          textBlockSchema,
          toolUseSchema,
          thinkingSchema,
          foreignBlock(["redacted_thinking"], "thoughts of another model cannot be replayed"),
          foreignBlock(SERVER_TOOLS, "server tools are not supported"),
        ]),
      ),
    }),
  ])
  .openapi("MessageParam");
export type MessageParam = z.infer<typeof messageParamSchema>;

import { PorchlightError } from "../../../errors.ts";
import type { ResponseFormat } from "../../../inference/output-format.ts";
import type { GenerateRequest, Message, Tool, ToolCall } from "../../../inference/request.ts";
import { reasoningOf } from "../../reasoning.ts";
import { pluginUses } from "../plugin-tool.ts";
import type { InputItem } from "./input-schema.ts";
import type { ResponsesRequest } from "./request-schema.ts";

/** The items that a request adds to the conversation before it. */
export function itemsOf({ input }: ResponsesRequest): InputItem[] {
  return typeof input === "string" ? [{ role: "user", content: input }] : input;
}

/**
 * The canonical request that a body means. Throws PorchlightError 400 for what only the whole conversation shows.
 * @param before the items of the conversation that `previous_response_id` names
 */
export function toGenerateRequest(body: ResponsesRequest, before: readonly InputItem[] = []): GenerateRequest {
  const given = body.tool_choice === "none" ? [] : (body.tools ?? []);
  const tools = toTools(given);
  const format = toFormat(body.text);
  const effort = body.reasoning?.effort;
  const instructions = body.instructions ? [{ role: "system" as const, content: body.instructions }] : [];
  const wantsLogprobs =
    body.include?.includes("message.output_text.logprobs") === true || typeof body.top_logprobs === "number";
  return {
    model: body.model,
    messages: [...instructions, ...toMessages([...before, ...itemsOf(body)])],
    ...(tools.length === 0 ? {} : { tools }),
    ...(given.length === 0 ? {} : toToolChoice(body)),
    ...pluginUses(given),
    ...(format === undefined ? {} : { responseFormat: format }),
    ...(effort ? { reasoning: reasoningOf(effort) } : {}),
    sampling: {
      ...(typeof body.temperature === "number" ? { temperature: body.temperature } : {}),
      ...(typeof body.top_p === "number" ? { topP: body.top_p } : {}),
    },
    ...(wantsLogprobs ? { topLogprobs: body.top_logprobs ?? 0 } : {}),
    ...(typeof body.max_output_tokens === "number" ? { maxTokens: body.max_output_tokens } : {}),
  };
}

/** What an assistant thought, said and called, one after the other, is one message. */
function toMessages(items: readonly InputItem[]): Message[] {
  const messages: Message[] = [];
  const calls = new Set<string>();
  const assistant = (): Extract<Message, { role: "assistant" }> => {
    const last = messages.at(-1);
    if (last?.role === "assistant") return last;
    const begun = { role: "assistant" as const, content: "" };
    messages.push(begun);
    return begun;
  };
  for (const [index, item] of items.entries()) {
    if (item.type === "reasoning") {
      const thoughts = (item.content ?? item.summary).map(({ text }) => text).join("");
      if (thoughts !== "") assistant().reasoning = `${assistant().reasoning ?? ""}${thoughts}`;
    } else if (item.type === "function_call") {
      calls.add(item.call_id);
      const call: ToolCall = { id: item.call_id, name: item.name, arguments: item.arguments };
      assistant().toolCalls = [...(assistant().toolCalls ?? []), call];
    } else if (item.type === "function_call_output") {
      if (!calls.has(item.call_id)) throw unknownCall(index);
      messages.push({ role: "tool", toolCallId: item.call_id, content: toText(item.output) });
    } else if (item.type === undefined || item.type === "message") {
      if (item.role === "assistant") assistant().content += toText(item.content);
      else messages.push({ role: item.role === "user" ? "user" : "system", content: toText(item.content) });
    }
  }
  return messages;
}

function unknownCall(index: number): PorchlightError {
  const param = `input[${index}].call_id`;
  return new PorchlightError(
    "invalid_request",
    `Invalid value for '${param}': no function_call before this one has this id.`,
    { param },
  );
}

/** Parts are one text: the schema has refused every other kind. */
function toText(content: string | readonly { type: string; text?: unknown }[]): string {
  if (typeof content === "string") return content;
  return content.map(({ text }) => (typeof text === "string" ? text : "")).join("");
}

type AnyTool = NonNullable<ResponsesRequest["tools"]>[number];
type FunctionTool = Extract<AnyTool, { parameters?: unknown; name: string }>;

function isFunction(tool: AnyTool): tool is FunctionTool {
  return tool.type === "function";
}

function toTools(tools: readonly AnyTool[]): Tool[] {
  return tools.filter(isFunction).map(({ name, description, parameters, strict }) => ({
    name,
    ...(typeof description === "string" ? { description } : {}),
    ...(parameters ? { parameters } : {}),
    ...(strict ? { strict } : {}),
  }));
}

function toToolChoice({
  tool_choice: choice,
  parallel_tool_calls: parallel,
}: ResponsesRequest): Pick<GenerateRequest, "toolChoice" | "parallelToolCalls"> {
  return {
    ...(choice === "required" ? { toolChoice: choice } : {}),
    ...(typeof choice === "object" && choice !== null && typeof choice.name === "string"
      ? { toolChoice: { name: choice.name } }
      : {}),
    ...(parallel === false ? { parallelToolCalls: false } : {}),
  };
}

function toFormat(text: ResponsesRequest["text"]): ResponseFormat | undefined {
  const format = text?.format;
  if (format?.type === "json_object") return { type: "json" };
  return format?.type === "json_schema" ? { type: "json_schema", schema: format.schema } : undefined;
}

import { PorchlightError } from "../../errors.ts";
import type { GenerateRequest, Message, Tool, ToolCall } from "../../inference/request.ts";
import { reasoningOf } from "../reasoning.ts";
import type { OllamaChat, OllamaGenerate, OllamaMessage } from "./chat-schema.ts";
import { fromOptions } from "./options-schema.ts";

/** The canonical request that a chat body means. Throws PorchlightError 400 for what only the whole history shows. */
export function fromChat(body: OllamaChat): GenerateRequest {
  const tools = (body.tools ?? []).map(
    ({ function: { name, description, parameters } }): Tool => ({
      name,
      ...(description === undefined ? {} : { description }),
      ...(parameters === undefined ? {} : { parameters }),
    }),
  );
  return { ...fromCommon(body), messages: toMessages(body.messages), ...(tools.length === 0 ? {} : { tools }) };
}

/** The canonical request that a generate body means: a conversation of one question. */
export function fromGenerate(body: OllamaGenerate): GenerateRequest {
  if (body.raw === true) return { ...fromCommon(body), messages: [], prompt: body.prompt };
  const system = body.system ? [{ role: "system" as const, content: body.system }] : [];
  return { ...fromCommon(body), messages: [...system, { role: "user", content: body.prompt }] };
}

/** The request that does nothing but load the model: what it counts nobody reads. */
export function toLoadRequest({
  model,
  keep_alive: keepAliveMs,
}: Pick<OllamaChat, "model" | "keep_alive">): GenerateRequest {
  return {
    model,
    messages: [{ role: "user", content: "" }],
    sampling: {},
    countOnly: true,
    ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
  };
}

function fromCommon(body: OllamaChat | OllamaGenerate): Omit<GenerateRequest, "messages" | "prompt"> {
  const { model, format, options, think, keep_alive: keepAliveMs } = body;
  return {
    model,
    ...fromOptions(options),
    ...(format === "json" ? { responseFormat: { type: "json" as const } } : {}),
    ...(typeof format === "object" && format !== null
      ? { responseFormat: { type: "json_schema" as const, schema: format } }
      : {}),
    ...(typeof think === "boolean" ? { reasoning: { enabled: think } } : {}),
    ...(typeof think === "string" ? { reasoning: reasoningOf(think) } : {}),
    ...(body.logprobs === true ? { topLogprobs: body.top_logprobs ?? 0 } : {}),
    ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
  };
}

/** Ollama's results of tools name a call, or its tool, or nothing at all: then they answer the first call that is open. */
function toMessages(messages: readonly OllamaMessage[]): Message[] {
  const open: ToolCall[] = [];
  let count = 0;
  return messages.map((message, index): Message => {
    const { role, content } = message;
    if (role === "system" || role === "user") return { role, content };
    if (role === "tool") return { role, toolCallId: takeCall(open, message, index), content };
    const toolCalls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: given } }) => ({
      id: id ?? `call_${count++}`,
      name,
      arguments: JSON.stringify(given),
    }));
    open.push(...toolCalls);
    const reasoning = message.thinking ? { reasoning: message.thinking } : {};
    return { role, content, ...reasoning, ...(toolCalls.length === 0 ? {} : { toolCalls }) };
  });
}

function takeCall(open: ToolCall[], { tool_call_id: id, tool_name: name }: OllamaMessage, index: number): string {
  const found = open.findIndex((call) => (id ? call.id === id : !name || call.name === name));
  const [call] = found === -1 ? [] : open.splice(found, 1);
  if (call) return call.id;
  const param = `messages[${index}]`;
  throw new PorchlightError(
    "invalid_request",
    `Invalid value for '${param}': no tool call before it waits for a result.`,
    {
      param,
    },
  );
}

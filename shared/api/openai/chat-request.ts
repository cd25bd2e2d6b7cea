import { z } from "@hono/zod-openapi";
import { PorchlightError } from "../../errors.ts";
import type { GenerateRequest, Message, Sampling, Tool } from "../../inference/request.ts";
import { reasoningOf } from "../reasoning.ts";
import type { ChatContent, ChatMessage } from "./chat-message-schema.ts";
import type { ChatRequest } from "./chat-request-schema.ts";
import { isPluginTool, pluginUses } from "./plugin-tool.ts";
import { toResponseFormat } from "./output-schema.ts";

/** The canonical request that a chat body means. Throws PorchlightError 400 for what only the whole history shows. */
export function toGenerateRequest(body: ChatRequest): GenerateRequest {
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? undefined;
  const stop = typeof body.stop === "string" ? [body.stop] : (body.stop ?? []);
  const given = body.tool_choice === "none" ? [] : (body.tools ?? []);
  const tools = toTools(given);
  const responseFormat = toResponseFormat(body);
  return {
    model: body.model,
    messages: toMessages(body.messages),
    ...(tools.length === 0 ? {} : { tools }),
    ...(given.length === 0 ? {} : toToolChoice(body)),
    ...pluginUses(given),
    ...(responseFormat === undefined ? {} : { responseFormat }),
    ...toReasoning(body),
    sampling: toSampling(body),
    ...(body.logit_bias && Object.keys(body.logit_bias).length > 0 ? { logitBias: body.logit_bias } : {}),
    ...(body.logprobs === true ? { topLogprobs: body.top_logprobs ?? 0 } : {}),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(stop.length === 0 ? {} : { stop }),
  };
}

function toMessages(messages: ChatMessage[]): Message[] {
  const calls = new Set<string>();
  return messages.map((message, index) => {
    if (message.role === "assistant") for (const call of message.tool_calls ?? []) calls.add(call.id);
    if (message.role === "tool" && !calls.has(message.tool_call_id)) {
      const param = `messages[${index}].tool_call_id`;
      throw new PorchlightError(
        "invalid_request",
        `Invalid value for '${param}': no message before this one has a tool call with this id.`,
        { param },
      );
    }
    return toMessage(message);
  });
}

function toMessage(message: ChatMessage): Message {
  const content = toText(message.content ?? "");
  if (message.role === "tool") return { role: "tool", toolCallId: message.tool_call_id, content };
  if (message.role !== "assistant") return { role: message.role === "user" ? "user" : "system", content };
  const toolCalls = (message.tool_calls ?? []).map((call) => ({ id: call.id, ...call.function }));
  const reasoning = message.reasoning_content ?? "";
  return {
    role: "assistant",
    content,
    ...(reasoning === "" ? {} : { reasoning }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
}

/** Parts are one text: the schema has refused every other kind. */
function toText(content: ChatContent): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function toTools(tools: NonNullable<ChatRequest["tools"]>): Tool[] {
  const functions = tools.flatMap((tool) => (isPluginTool(tool) ? [] : [tool]));
  return functions.map(({ function: { name, description, parameters, strict } }) => ({
    name,
    ...(typeof description === "string" ? { description } : {}),
    ...(parameters ? { parameters } : {}),
    ...(strict ? { strict } : {}),
  }));
}

function toToolChoice(body: ChatRequest): Pick<GenerateRequest, "toolChoice" | "parallelToolCalls"> {
  const choice = body.tool_choice ?? "auto";
  // The schema has refused other kinds of choice by name.
  const named =
    typeof choice === "object" && "function" in choice ? functionNameSchema.parse(choice.function) : undefined;
  return {
    ...(named === undefined ? {} : { toolChoice: named }),
    ...(choice === "required" ? { toolChoice: choice } : {}),
    ...(body.parallel_tool_calls === false ? { parallelToolCalls: false } : {}),
  };
}

const functionNameSchema = z.object({ name: z.string() });

/** The requests for the choices of an answer: the first is the request itself, each later one has a seed of its own. */
export function toChoices(request: GenerateRequest, count: number): GenerateRequest[] {
  const { seed } = request.sampling;
  return Array.from({ length: count }, (_, index) => {
    if (index === 0 || seed === undefined) return request;
    // Away from the end of the safe integers.
    return { ...request, sampling: { ...request.sampling, seed: seed > 0 ? seed - index : seed + index } };
  });
}

function toReasoning({ reasoning_effort: effort, reasoning }: ChatRequest): Pick<GenerateRequest, "reasoning"> {
  if (effort) return { reasoning: reasoningOf(effort) };
  if (!reasoning) return {};
  const { enabled, effort: named, max_tokens: maxTokens } = reasoning;
  return {
    reasoning: {
      ...(named ? reasoningOf(named) : {}),
      ...(typeof enabled === "boolean" ? { enabled } : {}),
      ...(typeof maxTokens === "number" ? { maxTokens } : {}),
    },
  };
}

/** Fields of a body that say how tokens are drawn. */
type SamplingFields = Pick<
  ChatRequest,
  "temperature" | "top_k" | "top_p" | "min_p" | "repetition_penalty" | "frequency_penalty" | "presence_penalty" | "seed"
>;

export function toSampling(body: SamplingFields): Sampling {
  const topK = typeof body.top_k === "number" ? Math.max(0, body.top_k) : undefined;
  const sampling = {
    temperature: body.temperature,
    topK,
    topP: body.top_p,
    minP: body.min_p,
    repetitionPenalty: body.repetition_penalty,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    seed: body.seed,
  };
  const given = Object.entries(sampling).filter(([, value]) => typeof value === "number");
  return Object.fromEntries(given);
}

import { PorchlightError } from "../../errors.ts";
import type { GenerateRequest, Message, Sampling, Tool, ToolCall } from "../../inference/request.ts";
import { reasoningOf } from "../reasoning.ts";
import type { MessageParam } from "./message-schema.ts";
import type { CountTokensRequest, MessagesRequest } from "./messages-schema.ts";

/** The canonical request that a messages body means. Throws PorchlightError 400 for what only the whole history shows. */
export function toGenerateRequest(body: MessagesRequest): GenerateRequest {
  const stop = body.stop_sequences ?? [];
  return {
    ...toPrompt(body),
    sampling: toSampling(body),
    maxTokens: body.max_tokens,
    ...(stop.length === 0 ? {} : { stop }),
  };
}

/** The canonical request that counts the tokens of a prompt. */
export function toCountRequest(body: CountTokensRequest): GenerateRequest {
  return { ...toPrompt(body), sampling: {}, countOnly: true };
}

function toPrompt(body: CountTokensRequest): Omit<GenerateRequest, "sampling"> {
  const tools = body.tool_choice?.type === "none" ? [] : toTools(body.tools ?? []);
  const format = body.output_config?.format;
  return {
    model: body.model,
    messages: toMessages(body),
    ...(tools.length === 0 ? {} : { tools, ...toToolChoice(body.tool_choice) }),
    ...toReasoning(body),
    ...(format ? { responseFormat: { type: "json_schema" as const, schema: format.schema } } : {}),
  };
}

function toMessages({ system, messages }: CountTokensRequest): Message[] {
  const instructions = system === undefined ? "" : toText(system);
  const calls = new Set<string>();
  const own = messages.flatMap((message, index) => {
    if (message.role === "assistant") for (const { id } of callsOf(message)) calls.add(id);
    checkResults(message, index, calls);
    return toCanonical(message);
  });
  if (messages.at(-1)?.role === "assistant") {
    const param = `messages[${messages.length - 1}]`;
    throw new PorchlightError(
      "unsupported_parameter",
      `Unsupported value for '${param}': an answer cannot be begun for the model. End with a message of the user.`,
      { param },
    );
  }
  return joinTurns([...(instructions === "" ? [] : [{ role: "system" as const, content: instructions }]), ...own]);
}

function checkResults(message: MessageParam, index: number, calls: ReadonlySet<string>): void {
  if (message.role !== "user" || typeof message.content === "string") return;
  for (const [block, part] of message.content.entries()) {
    if (part.type !== "tool_result" || calls.has(part.tool_use_id)) continue;
    const param = `messages[${index}].content[${block}].tool_use_id`;
    throw new PorchlightError(
      "invalid_request",
      `Invalid value for '${param}': no message before this one has a tool_use with this id.`,
      { param },
    );
  }
}

/** Blocks in their order: results of tools are messages of their own, and so is the text between them. */
function toCanonical(message: MessageParam): Message[] {
  const { role, content } = message;
  if (role === "assistant") {
    const toolCalls = callsOf(message);
    const reasoning = thoughtsOf(message);
    return [
      {
        role,
        content: toText(content, ""),
        ...(reasoning === "" ? {} : { reasoning }),
        ...(toolCalls.length === 0 ? {} : { toolCalls }),
      },
    ];
  }
  if (role === "system" || typeof content === "string") return [{ role, content: toText(content) }];
  return content.flatMap((block): Message[] => {
    if (block.type === "text") return [{ role, content: block.text }];
    if (block.type !== "tool_result") return []; // The schema has refused every other kind.
    const said = toText(block.content ?? "");
    return [
      { role: "tool", toolCallId: block.tool_use_id, content: block.is_error === true ? `Error: ${said}` : said },
    ];
  });
}

function callsOf({ content }: MessageParam): ToolCall[] {
  if (typeof content === "string") return [];
  return content.flatMap((block) =>
    block.type === "tool_use" ? [{ id: block.id, name: block.name, arguments: JSON.stringify(block.input) }] : [],
  );
}

function thoughtsOf({ content }: MessageParam): string {
  if (typeof content === "string") return "";
  return content.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])).join("");
}

/** Texts of blocks; other blocks have none. */
function toText(content: string | readonly { type: string; text?: unknown }[], between = "\n"): string {
  if (typeof content === "string") return content;
  return content.flatMap(({ text }) => (typeof text === "string" ? [text] : [])).join(between);
}

/** Messages of the user that follow each other are one turn, as Anthropic has it: many templates want turns. */
function joinTurns(messages: readonly Message[]): Message[] {
  const turns: Message[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    if (message.role === "user" && last?.role === "user") {
      turns[turns.length - 1] = { role: "user", content: `${last.content}\n${message.content}` };
    } else turns.push(message);
  }
  return turns;
}

function toTools(tools: NonNullable<CountTokensRequest["tools"]>): Tool[] {
  return tools.flatMap((tool) => {
    if (!isCustom(tool)) return []; // The schema has refused the others.
    const { name, description, input_schema: parameters, strict } = tool;
    return [{ name, parameters, ...(description === undefined ? {} : { description }), ...(strict ? { strict } : {}) }];
  });
}

type AnyTool = NonNullable<CountTokensRequest["tools"]>[number];
type CustomTool = Extract<AnyTool, { input_schema: object }>;

function isCustom(tool: AnyTool): tool is CustomTool {
  return "input_schema" in tool;
}

function toToolChoice(
  choice: CountTokensRequest["tool_choice"],
): Pick<GenerateRequest, "toolChoice" | "parallelToolCalls"> {
  if (choice === undefined || choice.type === "none") return {};
  return {
    ...(choice.type === "tool" ? { toolChoice: { name: choice.name } } : {}),
    ...(choice.type === "any" ? { toolChoice: "required" as const } : {}),
    ...(choice.disable_parallel_tool_use === true ? { parallelToolCalls: false } : {}),
  };
}

function toReasoning({ thinking, output_config: config }: CountTokensRequest): Pick<GenerateRequest, "reasoning"> {
  if (thinking === undefined) return {};
  if (thinking.type === "disabled") return { reasoning: { enabled: false } };
  if (thinking.type === "enabled") return { reasoning: { enabled: true, maxTokens: thinking.budget_tokens } };
  // The schema has refused the other kind.
  return { reasoning: reasoningOf(config?.effort ?? "high") };
}

function toSampling({ temperature, top_p: topP, top_k: topK }: MessagesRequest): Sampling {
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
  };
}

import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { isDeeperThan } from "../../shared/api/json-depth.ts";
import { API_LIMITS } from "../../shared/api/limits.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { Message, Tool, ToolCall } from "../../shared/inference/request.ts";
import { modelError } from "../model/model-error.ts";
import { opensThoughts, THINK_CLOSE, THINK_OPEN } from "./reasoning.ts";
import { createGuard, type Guard } from "./seam.ts";
import { specialTokenSchema } from "./special-token.ts";
import { withTimeLimit } from "./time-limit.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Renders a conversation into the prompt text that a model was trained on. */
export interface ChatTemplate {
  /**
   * Prompt text up to where the assistant's answer begins, with seams (see seam.ts); `reasoning` says whether it is to think first, and
   * absent that the model does as it does. Throws `invalid_request` when the model's
   * template refuses the messages.
   */
  render(messages: readonly Message[], tools: readonly Tool[], options?: { reasoning?: boolean | undefined }): string;
  /** Prompt text of a text that is to be continued as it is: what begins every text of this model comes first. */
  begin(text: string): string;
  /** Whether the model was taught to think before it answers. */
  readonly reasons: boolean;
}

const templateConfigSchema = z.looseObject({
  bos_token: specialTokenSchema,
  add_bos_token: z.boolean().nullish(),
  eos_token: specialTokenSchema,
  pad_token: specialTokenSchema,
  unk_token: specialTokenSchema,
  chat_template: z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))]).nullish(),
});

/**
 * @param config contents of tokenizer_config.json, parsed JSON
 * @param file contents of chat_template.jinja, which goes before the config's template
 */
export function createChatTemplate(config: object, file: string | undefined, added: Tokenizer["added"]): ChatTemplate {
  const parsed = templateConfigSchema.safeParse(config);
  if (!parsed.success) {
    throw modelError(`tokenizer_config.json: ${z.prettifyError(parsed.error)}`, parsed.error);
  }
  const { chat_template: inConfig, ...rest } = parsed.data;
  const source = file ?? inConfig;
  if (source === undefined || source === null) {
    throw new PorchlightError(
      "model_load_failed",
      "The model has no chat template (chat_template.jinja or tokenizer_config.json): choose a chat model, not a base model.",
    );
  }
  const named = typeof source === "string" ? [{ name: "default", template: source }] : source;
  const templates = new Map(named.map(({ name, template }) => [name, compile(template)]));
  const variables = {
    bos_token: rest.bos_token,
    eos_token: rest.eos_token,
    pad_token: rest.pad_token,
    unk_token: rest.unk_token,
    add_generation_prompt: true,
  };
  const guards = { control: createGuard(added.control), all: createGuard(added.all) };

  const reasons = added.all.includes(THINK_CLOSE) || named.some(({ template }) => /<\/?think>/.test(template));

  const { bos_token: first, add_bos_token: adds } = parsed.data;

  return {
    reasons,
    begin: (text) => (first && adds !== false && !text.startsWith(first) ? first + text : text),
    render: (messages, tools, { reasoning } = {}) => {
      const template = (tools.length > 0 ? templates.get("tool_use") : undefined) ?? templates.get("default");
      if (template === undefined) {
        throw new PorchlightError("model_load_failed", "The model's chat templates lack one named 'default'.");
      }
      const items = {
        ...variables,
        // The names in use: of Qwen 3, SmolLM 3 and GLM, and of DeepSeek and Granite.
        ...(reasoning === undefined ? {} : { enable_thinking: reasoning, thinking: reasoning }),
        messages: toTemplateMessages(messages, guards),
        // Templates ask `if tools`; many also `tools is not none`.
        tools: tools.length === 0 ? null : tools.map((tool) => toTemplateTool(tool, guards.control)),
      };
      try {
        const prompt = withTimeLimit(LIMIT_MS, () => template.render(items), tooSlow);
        return reasons && reasoning === false ? withoutThoughts(prompt) : prompt;
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        throw new PorchlightError(
          "invalid_request",
          `The model's chat template refused the messages: ${said.slice(0, 1024)}`,
          {
            param: "messages",
            cause: error,
          },
        );
      }
    },
  };
}

/** The prompt with its thoughts closed, whether or not the template can do that by itself. */
function withoutThoughts(prompt: string): string {
  if (prompt.trimEnd().endsWith(THINK_CLOSE)) return prompt;
  return `${prompt}${opensThoughts(prompt) ? "" : `${THINK_OPEN}\n`}\n${THINK_CLOSE}\n\n`;
}

/** Rendering a conversation of the longest context takes some hundredths of a second. */
const LIMIT_MS = 5000;

function tooSlow(): Error {
  return new Error(`it was not done within ${LIMIT_MS / 1000} seconds.`);
}

function compile(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new PorchlightError("model_load_failed", `The model's chat template cannot be read: ${said}`, { cause });
  }
}

/**
 * Messages as Hugging Face templates expect them. Text of users and tools never spells an added token. Text of the assistant
 * and the operator (system messages, tool descriptions) may spell those that are not control tokens (`<tool_call>`,
 * `</think>`): templates look for some of them, and the model wrote or was taught them.
 */
function toTemplateMessages(messages: readonly Message[], guards: { control: Guard; all: Guard }): object[] {
  const toolNames = new Map<string, string>();
  const byRole = {
    system: ({ role, content }: MessageOf<"system">) => ({ role, content: guards.control(content) }),
    user: ({ role, content }: MessageOf<"user">) => ({ role, content: guards.all(content) }),
    tool: ({ role, content, toolCallId }: MessageOf<"tool">) => {
      const name = toolNames.get(toolCallId);
      return { role, tool_call_id: toolCallId, content: guards.all(content), ...(name === undefined ? {} : { name }) };
    },
    assistant: ({ role, content, reasoning, toolCalls = [] }: MessageOf<"assistant">) => {
      for (const call of toolCalls) toolNames.set(call.id, call.name);
      const calls = toolCalls.map((call) => toTemplateCall(call, guards.control));
      return {
        role,
        content: guards.control(content),
        ...(reasoning === undefined ? {} : { reasoning_content: guards.control(reasoning) }),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      };
    },
  };
  // The cast: TypeScript cannot see that the writer of a role takes exactly the messages of that role.
  return messages.map((message) => (byRole[message.role] as (message: Message) => object)(message));
}

type MessageOf<Role extends Message["role"]> = Extract<Message, { role: Role }>;

/** Templates take arguments as an object and write it as JSON themselves; what is not a JSON object goes in as text. */
function toTemplateCall(call: ToolCall, guard: Guard): object {
  const args = parseArguments(call.arguments);
  return { id: call.id, type: "function", function: { name: guard(call.name), arguments: guardStrings(args, guard) } };
}

/** Guarded only after this: JSON may spell a control token in escapes, which parsing turns into the token's characters. */
function parseArguments(text: string): unknown {
  // Templates recurse over the value.
  if (isDeeperThan(utf8.encode(text), API_LIMITS.jsonDepth)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : text;
  } catch {
    return text; // The client sent back something that is not JSON: the model sees it as it is.
  }
}

const utf8 = new TextEncoder();

function toTemplateTool(tool: Tool, guard: Guard): object {
  const { name, description, parameters } = tool;
  const definition = {
    name,
    description: description ?? "",
    parameters: parameters ?? { type: "object", properties: {} },
  };
  return { type: "function", function: guardStrings(definition, guard) };
}

/** A copy of a JSON value with every string and key guarded. Its depth is bounded where it was parsed. */
function guardStrings(value: unknown, guard: Guard): unknown {
  if (typeof value === "string") return guard(value);
  if (Array.isArray(value)) return value.map((item) => guardStrings(item, guard));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [guard(key), guardStrings(item, guard)]));
}

import type { Converted } from "./conversation.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import { ImportError } from "./problem.ts";
import { isObject, type JsonObject, listOf, placeholder, sourceIdOf, textOf, titleOf } from "./text.ts";
import { timeMs } from "./times.ts";
import { TurnBuilder } from "./turn-builder.ts";

/** A conversation of Claude's export: `chat_messages` of blocks. */
export async function fromClaude(entry: JsonObject, nowMs: number): Promise<Converted> {
  if (!Array.isArray(entry.chat_messages)) throw new ImportError("no_mapping");
  const notes: Converted["notes"] = [];
  const messages = currentBranch(entry.chat_messages.filter(isObject), textOf(entry.current_leaf_message_uuid));
  const times = messages.map(({ created_at }) => timeMs(created_at)).filter((time) => time !== undefined);
  const createdAtMs = timeMs(entry.created_at) ?? times[0] ?? timeMs(entry.updated_at);
  if (createdAtMs === undefined) notes.push({ code: "no_time" });
  const turns = new TurnBuilder(createdAtMs ?? nowMs);
  const model = textOf(entry.model);
  const damaged =
    entry.chat_messages.filter((message) => !isObject(message)).length +
    messages.filter((message) => !addMessage(turns, message, model)).length;
  if (damaged > 0) notes.push({ code: "message_left_out", count: damaged });
  const session = {
    from: {
      kind: "claude" as const,
      id: await sourceIdOf([entry.uuid], entry, IMPORT_LIMITS.sourceIdCharacters),
    },
    title: titleOf(entry.name, notes),
    createdAtMs: createdAtMs ?? nowMs,
    updatedAtMs: timeMs(entry.updated_at) ?? times.at(-1) ?? createdAtMs ?? nowMs,
    settings: {},
    source: "import" as const,
    turns: turns.finish(),
  };
  if (turns.beganWithAnswer) notes.push({ code: "began_with_answer" });
  return { session, notes };
}

/** The messages as they were last shown: where two answer the same one, only those that lead to the last. */
function currentBranch(messages: JsonObject[], leaf: string | undefined): JsonObject[] {
  const parents = messages.map(({ parent_message_uuid }) => textOf(parent_message_uuid));
  const named = parents.filter((parent) => parent !== undefined);
  const hasBranches = new Set(named).size < named.length;
  if (!hasBranches) return messages;
  const byId = new Map(messages.map((message) => [textOf(message.uuid), message]));
  const branch = new Set<JsonObject>();
  let next = byId.get(leaf) ?? messages.at(-1);
  while (next !== undefined) {
    if (branch.has(next)) throw new ImportError("circle");
    branch.add(next);
    const parent = textOf(next.parent_message_uuid);
    next = parent === undefined ? undefined : byId.get(parent);
  }
  return [...branch].toReversed();
}

/** Whether the message could be read. */
function addMessage(turns: TurnBuilder, message: JsonObject, model: string | undefined): boolean {
  const { sender } = message;
  const atMs = timeMs(message.created_at);
  if (message.text !== undefined && message.text !== null && typeof message.text !== "string") return false;
  if (sender === "human" || sender === "user") {
    const blocks = blocksOf(message).map((block) => userText(block));
    turns.user(joined([...blocks, ...attachments(message)]), atMs);
    return true;
  }
  if (sender !== "assistant") return false;
  for (const block of blocksOf(message)) addBlock(turns, block, atMs, model);
  turns.assistant(joined(attachments(message)), atMs, model);
  return true;
}

/** Older exports have the text alone. */
function blocksOf(message: JsonObject): JsonObject[] {
  const blocks = listOf(message.content).filter(isObject);
  const text = textOf(message.text);
  return blocks.length === 0 && text !== undefined ? [{ type: "text", text }] : blocks;
}

function userText(block: JsonObject): string {
  if (block.type === "tool_result") return resultText(block.content);
  return textOf(block.text) ?? (block.type === "text" ? "" : placeholder(kindOf(block), nameOf(block)));
}

function addBlock(turns: TurnBuilder, block: JsonObject, atMs: number | undefined, model: string | undefined): void {
  switch (block.type) {
    case "text":
      return turns.assistant(textOf(block.text) ?? "", atMs, model);
    case "thinking":
      return turns.reasoning(textOf(block.thinking) ?? textOf(block.text) ?? "");
    case "tool_use":
      return turns.call(textOf(block.name) ?? "tool", block.input, { id: textOf(block.id), atMs, model });
    case "tool_result": {
      return turns.result(resultText(block.content), { id: textOf(block.tool_use_id), name: textOf(block.name), atMs });
    }
    // What the page counted and marked: nothing was said.
    case "token_budget":
    case "flag":
    case "redacted_thinking":
      return;
    default:
      turns.assistant(textOf(block.text) ?? placeholder(kindOf(block), nameOf(block)), atMs, model);
  }
}

function resultText(content: unknown): string {
  if (typeof content === "string") return content;
  if (isObject(content)) return textOf(content.text) ?? JSON.stringify(content);
  return joined(
    listOf(content)
      .filter(isObject)
      .map((part) => textOf(part.text) ?? (part.type === "text" ? "" : placeholder(kindOf(part), nameOf(part)))),
  );
}

/** Attached texts are part of what was said; of other files there is the name alone. */
function attachments(message: JsonObject): string[] {
  const texts = listOf(message.attachments)
    .filter(isObject)
    .map((file) => joined([placeholder("attachment", nameOf(file)), textOf(file.extracted_content) ?? ""], "\n"));
  const files = [...listOf(message.files), ...listOf(message.files_v2)].filter(isObject);
  const names = new Set(files.map((file) => placeholder("file", nameOf(file))));
  return [...texts, ...names];
}

function nameOf(block: JsonObject): string | undefined {
  return textOf(block.file_name) ?? textOf(block.title) ?? textOf(block.name) ?? textOf(block.file_uuid);
}

function kindOf(block: JsonObject): string {
  return textOf(block.type)?.slice(0, 40) ?? "block";
}

function joined(texts: readonly string[], between = "\n\n"): string {
  return texts.filter((text) => text !== "").join(between);
}

import type { Converted } from "./conversation.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import { currentBranch } from "./openai-branch.ts";
import { contentText, reasoningText } from "./openai-content.ts";
import { ImportError } from "./problem.ts";
import { isObject, type JsonObject, sourceIdOf, textOf, titleOf } from "./text.ts";
import { timeMs } from "./times.ts";
import { TurnBuilder } from "./turn-builder.ts";

/** A conversation of OpenAI's export: a tree of messages, of which the current branch is taken. */
export async function fromOpenAi(entry: JsonObject, nowMs: number): Promise<Converted> {
  if (!isObject(entry.mapping)) throw new ImportError("no_mapping");
  const notes: Converted["notes"] = [];
  const messages = currentBranch(entry.mapping, textOf(entry.current_node), notes);
  const times = messages.map((message) => (isObject(message) ? timeMs(message.create_time) : undefined));
  const known = times.filter((time) => time !== undefined);
  const createdAtMs = timeMs(entry.create_time) ?? known[0] ?? timeMs(entry.update_time);
  if (createdAtMs === undefined) notes.push({ code: "no_time" });
  const turns = new TurnBuilder(createdAtMs ?? nowMs);
  const damaged = messages.filter((message) => !addMessage(turns, message, textOf(entry.default_model_slug))).length;
  if (damaged > 0) notes.push({ code: "message_left_out", count: damaged });
  if (isUnfinished(messages.at(-1))) {
    turns.cancelled();
    notes.push({ code: "not_finished" });
  }
  const session = {
    from: {
      kind: "openai" as const,
      id: await sourceIdOf([entry.conversation_id, entry.id], entry, IMPORT_LIMITS.sourceIdCharacters),
    },
    title: titleOf(entry.title, notes),
    createdAtMs: createdAtMs ?? nowMs,
    updatedAtMs: timeMs(entry.update_time) ?? known.at(-1) ?? createdAtMs ?? nowMs,
    settings: {},
    source: "import" as const,
    turns: turns.finish(),
  };
  if (turns.beganWithAnswer) notes.push({ code: "began_with_answer" });
  return { session, notes };
}

function isUnfinished(message: unknown): boolean {
  return isObject(message) && message.status === "in_progress";
}

/** Whether the message could be read. What nobody was shown is left out: system prompts, memories, hidden messages. */
function addMessage(turns: TurnBuilder, message: unknown, defaultModel: string | undefined): boolean {
  if (!isObject(message) || !isObject(message.author) || !isObject(message.content)) return false;
  const { author, content } = message;
  const metadata = isObject(message.metadata) ? message.metadata : {};
  if (metadata.is_visually_hidden_from_conversation === true) return true;
  const text = contentText(content, metadata);
  if (text === undefined) return false;
  const atMs = timeMs(message.create_time);
  const model = textOf(metadata.model_slug) ?? defaultModel;
  switch (author.role) {
    case "user":
      if (content.content_type !== "user_editable_context") turns.user(text, atMs);
      return true;
    case "assistant":
      addAnswer(turns, { message, content, text, atMs, model });
      return true;
    case "tool":
      if (text !== "") turns.result(text, { name: textOf(author.name), atMs });
      return true;
    case "system":
      return true;
    default:
      return false;
  }
}

interface Answer {
  message: JsonObject;
  content: JsonObject;
  text: string;
  atMs: number | undefined;
  model: string | undefined;
}

function addAnswer(turns: TurnBuilder, { message, content, text, atMs, model }: Answer): void {
  const reasoning = reasoningText(content);
  if (reasoning !== undefined) return turns.reasoning(reasoning);
  const recipient = textOf(message.recipient) ?? "all";
  if (recipient === "all") return turns.assistant(text, atMs, model);
  turns.call(recipient, callArguments(text), { id: textOf(message.id), atMs, model });
}

/** Arguments are JSON; code that a tool ran is put into an object. */
function callArguments(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? text : { input: text };
  } catch {
    return { input: text };
  }
}

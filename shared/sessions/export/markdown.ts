import type { Message } from "../../inference/request.ts";
import type { Session } from "../session.ts";
import type { Turn } from "../turn.ts";
import { allTurns, type TurnReader } from "./format.ts";

/** A session as Markdown, in pieces: for people and other tools to read; what it leaves out, the JSON has. */
export async function* sessionMarkdown(session: Session, read: TurnReader): AsyncGenerator<string> {
  yield `# ${session.title === "" ? "Conversation" : escapeLine(session.title)}\n\n`;
  yield `*${new Date(session.createdAtMs).toISOString()}*\n`;
  for await (const turn of allTurns(session, read)) yield turnMarkdown(turn);
}

function turnMarkdown(turn: Turn): string {
  const parts = turn.messages.map((message) => messageMarkdown(message, turn));
  const end = turn.state === "complete" ? [] : [`*(${turn.state})*`];
  return `\n${[...parts, ...end].join("\n\n")}\n`;
}

function messageMarkdown(message: Message, turn: Turn): string {
  if (message.role === "user") return `## You\n\n${message.content}`;
  if (message.role === "system") return `## System\n\n${message.content}`;
  if (message.role === "tool") return `### Result\n\n${fenced(message.content)}`;
  const heading = turn.model === "" ? "## Assistant" : `## Assistant (${escapeLine(turn.model)})`;
  const thoughts = message.reasoning === undefined ? [] : [quoted(message.reasoning)];
  const calls = (message.toolCalls ?? []).map((call) => `### ${escapeLine(call.name)}\n\n${fenced(call.arguments)}`);
  return [heading, ...thoughts, message.content, ...calls].filter((part) => part !== "").join("\n\n");
}

function quoted(text: string): string {
  return text
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
}

/** A block of code that its own content cannot end. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

/** Text of one line that is nothing but text. */
function escapeLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_[\]<>#|]/g, String.raw`\$&`);
}

import type { Message } from "../../../../shared/inference/request.ts";

/** Marks of a template around one message: role, begin, end. */
const MESSAGE_TOKENS = 6;
/** What a template says by itself at its start and for the answer to begin. */
const PROMPT_TOKENS = 24;

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Extended_Pictographic}]/gu;
const WORD = /[\p{L}\p{M}]+|\p{N}|[^\s\p{L}\p{M}\p{N}]/gu;

/**
 * About how many tokens a text is, without its model's tokenizer: rather more than it comes to. A character of Chinese, Japanese or
 * Korean, a digit and a mark are one each; of other words, every four bytes are one, and one more begins the word where it is long. The
 * machine counts for certain: what is estimated too low is refused there and asked again with less.
 */
export function estimateTokens(text: string): number {
  let tokens = 0;
  const narrow = text.replace(WIDE, () => {
    tokens += 1;
    return " ";
  });
  for (const [word] of narrow.matchAll(WORD)) tokens += word.length < 2 ? 1 : Math.ceil(byteLength(word) / 4);
  return tokens + Math.ceil(newlines(text) / 2);
}

/** The same of messages as a template puts them together. */
export function estimatePromptTokens(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + estimateMessageTokens(message), PROMPT_TOKENS);
}

export function estimateMessageTokens(message: Message): number {
  const calls = message.role === "assistant" ? (message.toolCalls ?? []) : [];
  const called = calls.map(({ name, arguments: text }) => `${name} ${text}`).join(" ");
  return MESSAGE_TOKENS + estimateTokens(message.content) + estimateTokens(called);
}

/** Of a word: those of few bytes a character are the ones that tokenizers know best. */
function byteLength(word: string): number {
  let bytes = 0;
  for (let at = 0; at < word.length; at++) bytes += word.charCodeAt(at) < 0x80 ? 1 : 2;
  return bytes;
}

function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

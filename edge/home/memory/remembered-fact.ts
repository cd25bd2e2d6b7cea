import { MEMORY_LIMITS } from "./limits.ts";
import { rememberedChinese } from "./remembered-chinese.ts";
import { rememberedEnglish } from "./remembered-english.ts";

/**
 * What a message asks to have remembered, in its own words ("Please remember that I am vegan" -> "I am vegan", "请记住，我住在上海" ->
 * "我住在上海"); undefined for every other message. English and Chinese, by form alone: what begins or ends a message. It rather misses
 * a wish than takes a question ("Do you remember when...?") for one: nobody expects that to be kept.
 */
export function rememberedFact(text: string): string | undefined {
  const message = text.slice(0, MEMORY_LIMITS.lookedAtCharacters).replaceAll("’", "'").trim();
  return rememberedEnglish(message) ?? rememberedChinese(message);
}

import { z } from "zod";
import type { Passage } from "../../../../shared/plugin/part-context.ts";
import { ASIDE_LIMITS } from "./limits.ts";

const passageSchema = z.object({
  text: z.string().min(1),
  title: z.string().optional(),
  url: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .optional(),
});
const answerSchema = z.object({ passages: z.array(z.unknown()) });

/** A hook's text, as far as it may be long; undefined for nothing, and for what is no text. */
export function readNote(value: unknown): string | undefined {
  if (typeof value !== "string" || value.trim() === "") return undefined;
  return value.slice(0, ASIDE_LIMITS.textCharacters).toWellFormed();
}

/** The passages of a search: the word of untrusted code. What is none is left out. */
export function readPassages(value: unknown): Passage[] {
  const answer = answerSchema.safeParse(value);
  if (!answer.success) return [];
  return answer.data.passages.slice(0, ASIDE_LIMITS.passages).flatMap((one): Passage[] => {
    const read = passageSchema.safeParse(one);
    if (!read.success) return [];
    const { text, title, url } = read.data;
    return [
      {
        text: text.slice(0, ASIDE_LIMITS.textCharacters).toWellFormed(),
        ...(title === undefined ? {} : { title: oneLine(title) }),
        ...(url === undefined ? {} : { url }),
      },
    ];
  });
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, ASIDE_LIMITS.titleCharacters).toWellFormed();
}
